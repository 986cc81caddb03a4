import { AICodingAssistantSocket } from '@ai-coding-assistant/sdk';

const socket = new AICodingAssistantSocket({
  baseURL: 'http://localhost:3001',
  sessionId: 'your-session-id'
});

// Connect and authenticate
await socket.connect();

// Join project
await socket.joinProject('project-123');

// Send AI message
const response = await socket.sendAIMessage({
  message: 'Create a React component',
  projectId: 'project-123'
});

// Listen for updates
socket.on('project:updated', (data) => {
  console.log('Project updated:', data);
});
