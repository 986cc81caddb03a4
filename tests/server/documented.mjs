// The snippets of the API's document, word for word. Each function is a snippet with the names that it
// leaves to its reader as parameters; snippets.mjs runs them.

export function connectSnippet(socket, console) {
  socket.on('connect', () => {
    console.log('Connected to server');
    console.log('Socket ID:', socket.id);

    // Join project rooms
    socket.emit('project:join', { projectId: 'project-123' });
  });
}

export function userEvents(
  socket,
  console,
  {
    addUserToOnlineList,
    removeUserFromOnlineList,
    showNotification,
    showUserTypingIndicator,
    hideUserTypingIndicator,
    setTimeout,
  },
) {
  socket.on('user:joined', (data) => {
    console.log('User joined:', data.user);

    // Add user to online users list
    addUserToOnlineList(data.user);

    // Show notification
    showNotification(`${data.user.name} joined the project`);
  });

  socket.on('user:left', (data) => {
    console.log('User left:', data.user);

    // Remove user from online users list
    removeUserFromOnlineList(data.user.id);

    // Show notification
    showNotification(`${data.user.name} left the project`);
  });

  socket.on('user:typing', (data) => {
    console.log('User typing:', data.user);

    // Show typing indicator
    showUserTypingIndicator(data.user.id);

    // Clear typing indicator after delay
    setTimeout(() => {
      hideUserTypingIndicator(data.user.id);
    }, 3000);
  });
}

export function joinProject(socket) {
  socket.emit('project:join', {
    projectId: 'project-123',
    userId: 'user-456'
  });
}

export function leaveProject(socket) {
  socket.emit('project:leave', {
    projectId: 'project-123',
    userId: 'user-456'
  });
}

export function userTyping(socket) {
  socket.emit('user:typing', {
    userId: 'user-456',
    projectId: 'project-123',
    isTyping: true
  });
}

export function debouncedTypingSnippet(socket, debounce) {
  // Debounce frequent events
  const debouncedTyping = debounce((isTyping) => {
    socket.emit('user:typing', { isTyping });
  }, 300);
  return debouncedTyping;
}

export function joiningRooms(socket, projectId, userId) {
  // Join project room
  socket.emit('room:join', {
    room: `project:${projectId}`,
    userId: userId
  });

  // Join user room
  socket.emit('room:join', {
    room: `user:${userId}`,
    userId: userId
  });

  // Join notification room
  socket.emit('room:join', {
    room: 'notifications',
    userId: userId
  });
}

export function leavingRooms(socket, projectId, userId) {
  // Leave project room
  socket.emit('room:leave', {
    room: `project:${projectId}`,
    userId: userId
  });

  // Leave all rooms
  socket.emit('room:leaveAll', {
    userId: userId
  });
}

export function roomEvents(socket, console) {
  // Listen for room-specific events
  socket.on('room:joined', (data) => {
    console.log('Joined room:', data.room);
  });

  socket.on('room:left', (data) => {
    console.log('Left room:', data.room);
  });

  socket.on('room:error', (data) => {
    console.error('Room error:', data.error);
  });
}

export function testConnection(socket, console) {
  // Test basic connection
  socket.on('connect', () => {
    console.log('✅ Connected successfully');
    socket.emit('test:ping');
  });

  socket.on('test:pong', () => {
    console.log('✅ Ping-pong test passed');
  });
}

export function testEvents(socket, console) {
  // Test event emission
  socket.emit('test:event', { message: 'Hello Server' });

  socket.on('test:response', (data) => {
    console.log('✅ Event test passed:', data);
  });
}

export function testRooms(socket, console) {
  // Test room functionality
  socket.emit('room:join', { room: 'test-room' });

  socket.on('room:joined', (data) => {
    console.log('✅ Room test passed:', data);

    // Leave test room
    socket.emit('room:leave', { room: 'test-room' });
  });
}

export function projectUpdate(socket) {
  socket.emit('project:update', {
    projectId: 'project-123',
    userId: 'user-456',
    update: {
      type: 'description',
      value: 'Updated project description'
    }
  });
}

export function fileChange(socket) {
  socket.emit('file:change', {
    projectId: 'project-123',
    userId: 'user-456',
    file: {
      path: 'src/components/App.jsx',
      action: 'updated',
      timestamp: new Date().toISOString()
    }
  });
}

export function fileLock(socket) {
  socket.emit('file:lock', {
    projectId: 'project-123',
    userId: 'user-456',
    filePath: 'src/components/App.jsx',
    lockType: 'exclusive'
  });
}

export function fileUnlock(socket) {
  socket.emit('file:unlock', {
    projectId: 'project-123',
    userId: 'user-456',
    filePath: 'src/components/App.jsx'
  });
}

export function sendAIMessage(socket) {
  socket.emit('ai:message', {
    message: 'Create a React component for a todo list',
    projectId: 'project-123',
    userId: 'user-456',
    context: {
      currentFile: 'src/components/TodoList.jsx',
      language: 'javascript',
      framework: 'react'
    }
  });
}

export function aiStatus(socket) {
  socket.emit('ai:status', {
    status: 'processing',
    progress: 50,
    message: 'Generating component structure...'
  });
}

export function userPresence(socket) {
  socket.emit('user:presence', {
    userId: 'user-456',
    status: 'online',
    activity: 'editing App.jsx',
    timestamp: new Date().toISOString()
  });
}

export function projectEvents(
  socket,
  console,
  {
    addProjectToList,
    updateProjectInList,
    removeProjectFromList,
    showNotification,
  },
) {
  socket.on('project:created', (data) => {
    console.log('New project created:', data.project);

    // Add project to UI
    addProjectToList(data.project);

    // Show notification
    showNotification(`Project "${data.project.name}" created successfully`);
  });

  socket.on('project:updated', (data) => {
    console.log('Project updated:', data.project);

    // Update project in UI
    updateProjectInList(data.project);

    // Show notification
    showNotification(`Project "${data.project.name}" updated`);
  });

  socket.on('project:deleted', (data) => {
    console.log('Project deleted:', data.projectId);

    // Remove project from UI
    removeProjectFromList(data.projectId);

    // Show notification
    showNotification('Project deleted successfully');
  });
}

export function fileEvents(
  socket,
  console,
  {
    addFileToExplorer,
    updateFileInUI,
    removeFileFromUI,
    isFileOpen,
    showNotification,
  },
) {
  socket.on('file:created', (data) => {
    console.log('New file created:', data.file);

    // Add file to file explorer
    addFileToExplorer(data.file);

    // Show notification
    showNotification(`File "${data.file.name}" created`);
  });

  socket.on('file:updated', (data) => {
    console.log('File updated:', data.file);

    // Update file in UI
    updateFileInUI(data.file);

    // Show notification if file is currently open
    if (isFileOpen(data.file.path)) {
      showNotification(`File "${data.file.name}" updated`);
    }
  });

  socket.on('file:deleted', (data) => {
    console.log('File deleted:', data.filePath);

    // Remove file from UI
    removeFileFromUI(data.filePath);

    // Show notification
    showNotification('File deleted successfully');
  });
}

export function aiEvents(
  socket,
  console,
  {
    addMessageToChat,
    showAITypingIndicator,
    hideAITypingIndicator,
    processAIActions,
    updateAIProgress,
    showAIError,
  },
) {
  socket.on('ai:message', (data) => {
    console.log('AI message received:', data.message);

    // Add message to chat
    addMessageToChat(data.message, 'user');

    // Show typing indicator
    showAITypingIndicator();
  });

  socket.on('ai:response', (data) => {
    console.log('AI response received:', data.response);

    // Hide typing indicator
    hideAITypingIndicator();

    // Add AI response to chat
    addMessageToChat(data.response, 'ai');

    // Process any actions
    if (data.response.actions) {
      processAIActions(data.response.actions);
    }
  });

  socket.on('ai:processing', (data) => {
    console.log('AI processing:', data.status);

    switch (data.status) {
      case 'started':
        showAITypingIndicator();
        break;
      case 'progress':
        updateAIProgress(data.progress);
        break;
      case 'completed':
        hideAITypingIndicator();
        break;
      case 'error':
        hideAITypingIndicator();
        showAIError(data.error);
        break;
    }
  });
}

export function authenticationFlow(io, getSessionId, console, window) {
  // 1. Connect to socket
  const socket = io('http://localhost:3001');

  // 2. Authenticate with session
  socket.emit('auth:session', {
    sessionId: getSessionId()
  });

  // 3. Listen for authentication response
  socket.on('auth:success', (data) => {
    console.log('Authenticated as:', data.user);

    // Join user-specific rooms
    socket.emit('user:join', { userId: data.user.id });
  });

  socket.on('auth:error', (error) => {
    console.error('Authentication failed:', error);

    // Redirect to login
    window.location.href = '/login';
  });
  return socket;
}

export function authenticationEvents(
  socket,
  console,
  { updateUserStatus, clearUserSession, updateSessionInfo },
) {
  socket.on('auth:login', (data) => {
    console.log('User logged in:', data.user);

    // Update UI state
    updateUserStatus(data.user);

    // Join user-specific rooms
    socket.emit('user:join', { userId: data.user.id });
  });

  socket.on('auth:logout', (data) => {
    console.log('User logged out:', data.userId);

    // Update UI state
    clearUserSession();

    // Leave user-specific rooms
    socket.emit('user:leave', { userId: data.userId });
  });

  socket.on('auth:session', (data) => {
    console.log('Session updated:', data.session);

    // Update session information
    updateSessionInfo(data.session);
  });
}

export function sessionManagement(socket) {
  // Check authentication status
  socket.emit('auth:check');

  // Refresh session
  socket.emit('auth:refresh');

  // Logout
  socket.emit('auth:logout');
}

export function batching(socket, debounce) {
  // Batch multiple updates
  let updateQueue = [];
  const batchUpdate = debounce(() => {
    if (updateQueue.length > 0) {
      socket.emit('batch:update', { updates: updateQueue });
      updateQueue = [];
    }
  }, 1000);

  // Add update to queue
  function queueUpdate(update) {
    updateQueue.push(update);
    batchUpdate();
  }
  return queueUpdate;
}
