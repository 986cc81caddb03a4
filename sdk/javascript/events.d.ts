// Made from the server's tables by `python -m server.reference`: every event, what a client sends
// and hears with it, and the acknowledgement.

/** Why something was refused. */
export type ErrorCode =
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "VALIDATION_ERROR"
  | "RATE_LIMIT_EXCEEDED"
  | "INTERNAL_ERROR"
  | "FILE_LOCKED"
  | "INVALID_FILE_PATH"
  | "VERSION_CONFLICT"
  | "AI_SERVICE_ERROR"
  | "STORAGE_ERROR";

/** What a client sends: the payload, and what the acknowledgement has beside `ok`. */
export interface ClientEvents {
  /** Present a session: from now on the socket acts as its user. */
  "auth:session": { payload: SessionPayload; result: AuthResult };
  /** Open a session with a name and a password; all sockets of the user hear of it. */
  "auth:login": { payload: LoginPayload; result: AuthResult };
  /** Ask for the socket's session. */
  "auth:check": { payload: Payload; result: SessionResult };
  /** Exchange the session's id for a new one. The old id is refused from then on. All sockets of the session hear the new id, because all of them had the old one. */
  "auth:refresh": { payload: Payload; result: SessionResult };
  /** End the session: its sockets leave their rooms and lose their locks. */
  "auth:logout": { payload: Payload; result: LogoutResult };
  /** Create a project; its creator is its owner. */
  "project:create": { payload: ProjectCreatePayload; result: ProjectResult };
  /** List the projects that the user may see, by name, up to 100 at once. */
  "project:list": { payload: PagePayload; result: ProjectsResult };
  /** Change a project's name, description or type. */
  "project:update": { payload: ProjectUpdatePayload; result: ProjectResult };
  /** Delete a project with its files, versions and chat, for good. */
  "project:delete": { payload: ProjectPayload; result: ProjectDeleteResult };
  /** Make a user a member of the project, or change a member's role. A project has at most 100 members. A new member has an account, or is connected now. */
  "project:share": { payload: SharePayload; result: ProjectResult };
  /** Take a member out of the project. Owners may take out anybody, others only themselves. */
  "project:unshare": { payload: UnsharePayload; result: ProjectResult };
  /** Make an invitation: whoever has its token may become a member. A project has at most 20 invitations. */
  "invitation:create": { payload: InvitationCreatePayload; result: InvitationCreateResult };
  /** List the invitations of a project that hold. */
  "invitation:list": { payload: ProjectPayload; result: InvitationsResult };
  /** Let an invitation let nobody in any more. Those who have used it stay members. */
  "invitation:revoke": { payload: InvitationRevokePayload; result: {} };
  /** Become a member by an invitation, with its role. Whoever is a member already keeps their role. The user who made the invitation gets a notification. */
  "invitation:accept": { payload: InvitationAcceptPayload; result: InvitationAcceptResult };
  /** Enter a project. The acknowledgement has all that there is to show of it. */
  "project:join": { payload: ProjectPayload; result: ProjectJoinResult };
  /** Leave a project. Does nothing if the socket is not in it. With `forGood` the user is no member any more, and none of the user's sockets is in the project. */
  "project:leave": { payload: LeavePayload; result: ProjectLeaveResult };
  /** Search in all files of the project, including what is being typed, page by page. Regular expressions are those of Python. One that takes too long is refused. */
  "project:search": { payload: SearchPayload; result: SearchResult };
  /** List the files of a project, up to 1000 at once. */
  "file:list": { payload: ProjectPagePayload; result: FilesResult };
  /** Read a file, up to 131,072 bytes of it at once. If the file has moved meanwhile, the details of `NOT_FOUND` have `movedTo`. */
  "file:read": { payload: FileReadPayload; result: FileReadResult };
  /** Change a file, and tell the others. Refused while somebody else holds a lock on it. If others have the file open, this is one change among theirs: it is merged with what is not saved yet. */
  "file:change": { payload: FileChangePayload; result: FileChangeResult };
  /** Create a file of any kind, or replace one, in parts of up to 262,144 bytes; at most 5 MB. Refused while somebody else holds a lock on the file. A part that has come before is not taken again: `next` says where to go on, also after an outage of less than a minute. */
  "file:upload": { payload: FileUploadPayload; result: FileUploadResult };
  /** Read a file of any kind, up to 262,144 bytes of it at once. */
  "file:download": { payload: FileDownloadPayload; result: FileDownloadResult };
  /** Make an address at which a file, a folder or a project can be downloaded once, within a minute, by whoever has the address. */
  "download:create": { payload: DownloadCreatePayload; result: DownloadResult };
  /** Give a file or a folder another path: rename it, or move it elsewhere. Refused as a whole while somebody else holds a lock on one of the files. Refused as well if something is at the new path; with `overwrite` a file replaces a file there, and never a folder. If it has moved meanwhile, the details of `NOT_FOUND` have `movedTo`. */
  "file:move": { payload: FileMovePayload; result: FileMoveResult };
  /** Delete a file, or a folder with all that is in it. It stays in the bin for 30 days. Refused as a whole while somebody else holds a lock on one of the files. Members who have changed it last get a notification. If it has moved meanwhile, the details of `NOT_FOUND` have `movedTo`. */
  "file:delete": { payload: FileDeletePayload; result: FileDeleteResult };
  /** List what a file was at its saves, also those under the paths that it had before, 100 at once unless the payload asks for up to 1000. The file itself may be gone. */
  "history:list": { payload: FileHistoryPayload; result: FileHistoryResult };
  /** Make a file what it was at a save. If others have the file open, this is one change among theirs. What the file was before is in its history. Refused while somebody else has locked the file. */
  "history:restore": { payload: HistoryRestorePayload; result: HistoryRestoreResult };
  /** List what was deleted in the last 30 days, 200 at once unless the payload asks for more. */
  "bin:list": { payload: ProjectPagePayload; result: BinResult };
  /** Take a file or folder out of the bin again. Refused if something is at its path. If it cannot be written to the directory of a mirrored project, all of it stays in the bin. */
  "bin:restore": { payload: BinRestorePayload; result: BinRestoreResult };
  /** Copy a file or a folder, as it is now with all that was typed. Refused if something is at the new path. If it has moved meanwhile, the details of `NOT_FOUND` have `movedTo`. */
  "file:copy": { payload: FileCopyPayload; result: FileCopyResult };
  /** Open a file to edit it together with others, who hear each other's `file:edited`. The project must be joined. A user has at most 20 files open. */
  "file:open": { payload: FileOpenPayload; result: FileOpenResult };
  /** Change a file that is open; all who have it open hear it as `file:edited`. Refused while somebody else holds an exclusive lock on it (`FILE_LOCKED`). Refused with `VERSION_CONFLICT` if the version is not kept any more: open the file again. A change that is sent again, with the same `author` and `number` of a user, is taken once. */
  "file:edit": { payload: FileEditPayload; result: {} };
  /** Close a file: the client hears no more of its edits. */
  "file:close": { payload: FileClosePayload; result: FileCloseResult };
  /** Lock a file, which need not exist, until it is unlocked or the connection ends. An exclusive lock also keeps others from editing the file together (`file:edit`). What they have done before is in the file when the lock is granted. */
  "file:lock": { payload: LockPayload; result: LockResult };
  /** Release a lock. Does nothing if nobody holds one, and is refused if only others do. */
  "file:unlock": { payload: UnlockPayload; result: UnlockResult };
  /** List the locks of the project, 200 at once unless the payload asks for up to 1000. */
  "file:locks": { payload: ProjectPagePayload; result: LocksResult };
  /** Ask whoever holds a file exclusively to hand it over; the answer comes as `lock:answered`. The holder is notified. The request ends after a minute, or when the asker or the holder leaves. */
  "lock:ask": { payload: LockAskPayload; result: LockAskResult };
  /** Hand over the lock that the user is asked for, or keep it. */
  "lock:answer": { payload: LockAnswerPayload; result: LockAnswerResult };
  /** Withdraw a request. */
  "lock:withdraw": { payload: LockWithdrawPayload; result: {} };
  /** Take a snapshot of all files of the project. */
  "version:create": { payload: VersionCreatePayload; result: VersionResult };
  /** List the versions of the project, 200 at once unless the payload asks for up to 1000. */
  "version:list": { payload: ProjectPagePayload; result: VersionsResult };
  /** Compare a version with another one, or with the files as they are now. */
  "version:compare": { payload: VersionComparePayload; result: VersionCompareResult };
  /** Make the files those of a version again. A new version keeps what they were before. Refused as a whole while somebody else holds a lock on a file of the project. */
  "version:restore": { payload: VersionPayload; result: VersionRestoreResult };
  /** Delete a version. */
  "version:delete": { payload: VersionPayload; result: VersionDeleteResult };
  /** Write to the assistant; the answer comes as events with the acknowledged `requestId`. */
  "ai:message": { payload: AiMessagePayload; result: AiMessageResult };
  /** Read the project's chat backwards: 100 messages at once, fewer where they are long. */
  "ai:history": { payload: ProjectPagePayload; result: HistoryResult };
  /** Stop an answer that one has asked for. */
  "ai:cancel": { payload: AiCancelPayload; result: AiCancelResult };
  /** Say what became of a file that the assistant has proposed to change, so that the change is not offered again. The first decision holds. Nothing is written: `file:edit` or `file:change` does that. */
  "ai:applied": { payload: AiAppliedPayload; result: {} };
  /** Tell the others how far another program's work for the project is, as `ai:processing`. */
  "ai:status": { payload: AiStatusPayload; result: {} };
  /** Say something to the people of a project; no assistant is asked. A member, or somebody else who is in the project, gets a notification if the message has `@` and their name or id. */
  "chat:message": { payload: ChatMessagePayload; result: ChatMessageResult };
  /** Read what people said backwards: 100 messages at once, fewer where they are long. */
  "chat:history": { payload: ProjectPagePayload; result: ChatHistoryResult };
  /** Say that the user has read a message and all before it; the user's other connections hear of it. */
  "chat:read": { payload: ChatReadPayload; result: ChatReadResult };
  /** Enter the user's own room. Another user's room cannot be entered. */
  "user:join": { payload: UserPayload; result: UserJoinResult };
  /** Leave the user's own room. */
  "user:leave": { payload: UserPayload; result: UserLeaveResult };
  /** Find users to share a project with, by the beginning of their name: those who have accounts, and in open mode those who are connected. A user whose name is an address of e-mail is only found by the whole of it. */
  "user:search": { payload: UserSearchPayload; result: UserSearchResult };
  /** Tell the others in all projects of the user what the user is doing. */
  "user:presence": { payload: PresencePayload; result: PresenceResult };
  /** List the users who are in the project, 200 at once unless the payload asks for up to 1000. */
  "user:list": { payload: ProjectPagePayload; result: PresentResult };
  /** Tell the others in the project that the user is typing, or not any more. Typing ends by itself after four seconds. */
  "user:typing": { payload: TypingPayload; result: {} };
  /** Tell the others in the project where the sender is in a file. */
  "cursor:update": { payload: CursorPayload; result: {} };
  /** List the user's notifications: all that are kept, unless the payload asks for fewer. */
  "notification:list": { payload: PagePayload; result: NotificationsResult };
  /** Mark notifications as read; the user's other connections hear of it. */
  "notification:read": { payload: NotificationReadPayload; result: NotificationReadResult };
  /** Enter a room; answered with `room:joined`, again if the socket is in it already. */
  "room:join": { payload: RoomPayload; result: RoomResult };
  /** Leave a room; answered with `room:left`, also if the socket was not in it. */
  "room:leave": { payload: RoomPayload; result: RoomResult };
  /** Leave all rooms but the private ones. Each is told with `room:left`. */
  "room:leaveAll": { payload: Payload; result: RoomsResult };
  /** Handle up to 100 events in their order, and answer with a result for each. Once the results have 262,144 bytes, the rest is refused (`RATE_LIMIT_EXCEEDED`). */
  "batch:update": { payload: BatchPayload; result: BatchResult };
  /** Test the connection; answered with `test:pong`. */
  "test:ping": { payload: Payload; result: {} };
  /** Test the connection with any value; answered with `test:response` and the same value. A `userId` in it is part of what is echoed and declares nothing. */
  "test:event": { payload: unknown; result: EchoResult };
}

/** What a client hears; a handler gets the data and an `Envelope`. */
export interface ServerEvents {
  /** An event of the client failed, and it asked for no acknowledgement. */
  "error": Failed;
  /** A session was refused or is over, or an `auth:` event failed without an acknowledgement. */
  "auth:error": AuthFailed;
  /** The socket acts as this user now. The session has its `id` only after `auth:login`. */
  "auth:success": AuthSucceeded;
  /** The user has logged in somewhere. */
  "auth:login": AuthLoggedIn;
  /** The user has logged out somewhere. */
  "auth:logout": AuthLoggedOut;
  /** The session, after `auth:check`; or with its new `id`, after `auth:refresh`. */
  "auth:session": AuthSessionUpdated;
  /** What happened elsewhere may not have been told: the other servers could not be reached for a while. `project:join` once more brings all that there is. */
  "server:resync": ServerResync;
  /** This server is about to end, and others go on. It still acknowledges what was sent: wait for that, send nothing more, disconnect, and connect again. After a second or two it disconnects. */
  "server:draining": ServerDraining;
  /** A `room:` event of the client failed, and it asked for no acknowledgement. */
  "room:error": RoomFailed;
  /** The socket is in the room. */
  "room:joined": RoomJoined;
  /** The socket is not in the room any more. */
  "room:left": RoomLeft;
  /** The answer to `test:ping`. */
  "test:pong": Pong;
  /** The answer to `test:event`: its payload, untouched. */
  "test:response": unknown;
  /** A user's first socket is in the project. */
  "user:joined": UserJoined;
  /** A user's last socket is out of the project. */
  "user:left": UserLeft;
  /** A user is typing, or not any more; typing ends by itself after four seconds. */
  "user:typing": UserTyping;
  /** What a user says that they are doing. */
  "user:presence": UserPresence;
  /** Where a user is in a file. Volatile: left out for clients that cannot take it at once. `version` is that of the document which the place is in, if the sender has told it. */
  "cursor:updated": CursorUpdated;
  /** There is a new project, or one was shared with the user who hears it. */
  "project:created": ProjectCreated;
  /** A project or its members have changed. */
  "project:updated": ProjectUpdated;
  /** A project is gone, or not shared any more with the user who hears it. */
  "project:deleted": ProjectDeleted;
  /** Something that a user, or everybody, should know. */
  "notification:new": NotificationNew;
  /** The user has read notifications on another connection: those with `ids`, or all if there are no `ids`. */
  "notification:read": NotificationRead;
  /** Somebody has said something to the people of the project. The sender hears it too. */
  "chat:message": ChatMessageSent;
  /** The user has read a message and all before it, on another connection. */
  "chat:read": ChatRead;
  /** There is a new file. `content` is left out above 64 KiB or where many files change at once: `file:read` has it. */
  "file:created": FileCreated;
  /** A file has changed. `content` is left out above 64 KiB or where many files change at once: `file:read` has it. */
  "file:updated": FileUpdated;
  /** A file is gone. What was at its path before has a lower revision, and what comes there later a greater one than `revision`. */
  "file:deleted": FileDeleted;
  /** A file, or a folder with all `count` files in it, has another path. Locks, open documents and all else that is known of the files go with them. Their content and revision are what they were. A file that was at the new path is gone. `file` is absent for a folder. What was at both paths before has a lower revision, and what comes there later a greater one than `revision`. */
  "file:moved": FileMoved;
  /** A change of an open file. It leads from `version` to the next version, and changes come in this order. A client's own change has the user, `author` and `number` that it was sent with. A change from outside has the author "" and the number 0. */
  "file:edited": FileEdited;
  /** A file is locked; or, if the lock is `orphaned`, its holder's connection is lost, and the lock ends with `file:unlocked` unless the holder comes back in time. */
  "file:locked": FileLocked;
  /** A lock on a file is gone; other shared ones may be left. */
  "file:unlocked": FileUnlocked;
  /** Somebody asks the receiver for a file that the receiver has locked: `lock:answer` hands it over or keeps it. */
  "lock:asked": LockAsked;
  /** What became of a request for a lock. "handed-over": it is the asker's, with this `lock`. "expired": there was no answer. "ended": the lock is gone, or one of the two has left. */
  "lock:answered": LockAnswered;
  /** There is a new version. */
  "version:created": VersionCreated;
  /** The files are those of this version again; the events of the changed files follow. */
  "version:restored": VersionRestored;
  /** A version is gone. */
  "version:deleted": VersionDeleted;
  /** A user has written to the assistant. */
  "ai:message": AiMessage;
  /** How far the assistant, or the program that sent `ai:status`, has come. It ends with `ai:response`, or with the status `error`. `context` is what the assistant is shown, told once. */
  "ai:processing": AiProcessing;
  /** The assistant's answer. */
  "ai:response": AiResponded;
  /** The assistant proposes to change a file, while its answer goes on. A proposal with the `id` of an earlier one takes the place of that, as after each edit of a block. `ai:response` has all that hold in the end. */
  "ai:proposed": AiProposed;
  /** Somebody has accepted or rejected what the assistant proposed for a file. */
  "ai:applied": AiApplied;
  /** Text begins to stream. With a `path` it is the text of that file. */
  "code:started": CodeStarted;
  /** The next piece of the text, the `number`th from 1. With a `path` it is of that file. */
  "code:chunk": CodeChunk;
  /** The whole text; `cancelled` if it was stopped before its end. */
  "code:completed": CodeCompleted;
  /** No more text comes, because the assistant failed. */
  "code:error": CodeFailed;
}

/** What a notification is about, in its project: what to open, and how that is called. A `project`, or somebody who has come by an `invitation`; a `message` of people, with the place that it is about; the `lock` on a file that somebody asks for; a deletion in the `bin`. `user` has caused it. */
export interface About {
  kind: "bin" | "invitation" | "lock" | "message" | "project";
  place?: FilePlace;
  messageId?: string;
  requestId?: string;
  deletionId?: string;
  user?: User;
}

/** Something that the assistant proposes to do: create or update a file with `content`. An update was made from the file's `baseRevision`. `inverse` is the change that turns `content` into the text of that revision, as in docs/coediting.md. `decision` says what became of the proposal, if somebody has told it with `ai:applied`. */
export interface Action {
  id: string;
  type: "create-file" | "update-file";
  path: string;
  content: string;
  baseRevision?: number;
  inverse?: Array<unknown>;
  decision?: Decision;
}

/** Somebody has accepted or rejected what the assistant proposed for a file. */
export interface AiApplied {
  requestId: string;
  actionId: string;
  outcome: "accepted" | "partly" | "rejected";
  user: User;
}

/** What became of an action of an answer: all of it is in the file, or nothing, or a part. */
export interface AiAppliedPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  requestId: string;
  actionId: string;
  outcome: "accepted" | "partly" | "rejected";
}

/** Which answer to stop. */
export interface AiCancelPayload {
  userId?: string;
  metadata?: Metadata;
  requestId: string;
}

/** Which answer is stopped; its `ai:response` has what there was. */
export interface AiCancelResult {
  requestId: string;
}

/** What the assistant was shown of the project: `bytes` in all, of at most `budget`. `leftOut` are the files that the question is about and that are no texts: it sees their names. */
export interface AiContext {
  files: Array<ContextFile>;
  bytes: number;
  budget: number;
  leftOut?: Array<string>;
}

/** A user has written to the assistant. */
export interface AiMessage {
  message: string;
  user: User;
  requestId: string;
  messageId: string;
}

/** A message to the assistant. Without a project it is about none. `key` is the sender's own name for the message. A message with the same `key` is asked once, so it can be sent again when no acknowledgement came. Without a project that holds only while the message is answered. */
export interface AiMessagePayload {
  userId?: string;
  metadata?: Metadata;
  message: string;
  projectId?: string;
  context?: ChatContext;
  key?: string;
}

/** The `requestId` that the answer's events have, and the id of the message itself. */
export interface AiMessageResult {
  requestId: string;
  messageId: string;
}

/** How far the assistant, or the program that sent `ai:status`, has come. It ends with `ai:response`, or with the status `error`. `context` is what the assistant is shown, told once. */
export interface AiProcessing {
  status: "completed" | "error" | "progress" | "started";
  requestId?: string;
  progress?: number;
  message?: string;
  error?: Record<string, unknown>;
  user?: User;
  context?: AiContext;
}

/** The assistant proposes to change a file, while its answer goes on. A proposal with the `id` of an earlier one takes the place of that, as after each edit of a block. `ai:response` has all that hold in the end. */
export interface AiProposed {
  requestId: string;
  action: Action;
}

/** The assistant's answer. */
export interface AiResponded {
  response: AiResponse;
  requestId: string;
}

/** An answer of the assistant. `cancelled`: it was stopped, and `content` is what there was. `actions` are what it proposes to do with files. `unfit` is what was meant for files and cannot be proposed. */
export interface AiResponse {
  id: string;
  requestId: string;
  content: string;
  provider: string;
  model: string;
  cancelled: boolean;
  actions?: Array<Action>;
  unfit?: Array<Unfit>;
  context?: AiContext;
  usage?: Usage;
}

/** How far the work of another program is. Without a project it is told in each project that the socket is in and that the user may edit. */
export interface AiStatusPayload {
  userId?: string;
  metadata?: Metadata;
  status: "completed" | "error" | "processing" | "progress" | "started";
  progress?: number;
  message?: string;
  requestId?: string;
  projectId?: string;
}

/** An answer that is being made: the text so far, which the first `chunks` of its `code:chunk` have told, and the proposals so far. Both are left out where the answers together are long. */
export interface Answer {
  requestId: string;
  user: User;
  chunks: number;
  content?: string;
  actions?: Array<Action>;
}

/** Who answers, and how many bytes of a project the model is shown; 0 if it looks for itself. */
export interface Assistant {
  provider: string;
  model: string;
  budget: number;
}

/** A session was refused or is over, or an `auth:` event failed without an acknowledgement. */
export interface AuthFailed {
  code: string;
  message: string;
  event: string;
  details?: Record<string, unknown>;
}

/** The user has logged in somewhere. */
export interface AuthLoggedIn {
  user: User;
}

/** The user has logged out somewhere. */
export interface AuthLoggedOut {
  userId: string;
}

/** Who the client is now, and its session. */
export interface AuthResult {
  user: User;
  session: Session;
}

/** The session, after `auth:check`; or with its new `id`, after `auth:refresh`. */
export interface AuthSessionUpdated {
  session: Session;
}

/** The socket acts as this user now. The session has its `id` only after `auth:login`. */
export interface AuthSucceeded {
  user: User;
  session: Session;
}

/** What a client has of a document. */
export interface Base {
  epoch: string;
  version: number;
}

/** One event with its payload. */
export interface BatchItem {
  event: string;
  data?: unknown;
}

/** The events. */
export interface BatchPayload {
  userId?: string;
  metadata?: Metadata;
  updates: Array<BatchItem>;
}

/** What each event's acknowledgement would have said. */
export interface BatchResult {
  results: Array<Record<string, unknown>>;
}

/** What to restore; `newPath` is for when something is at its own path. */
export interface BinRestorePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  deletionId: string;
  newPath?: string;
}

/** The path that it has again, and how many files it is. */
export interface BinRestoreResult {
  filePath: string;
  count: number;
}

/** What is in the bin, the newest first; `next` where there is more. */
export interface BinResult {
  deletions: Array<Deletion>;
  next?: string;
}

/** What the user is looking at. `selection` is in the current file. */
export interface ChatContext {
  currentFile?: string;
  selection?: Range;
  openFiles?: Array<string>;
  language?: string;
  framework?: string;
}

/** Messages among people, the oldest first; `next` is there if there are older ones. `unread` counts those that the user has not read, up to 100. */
export interface ChatHistoryResult {
  messages: Array<PeopleMessage>;
  unread: number;
  next?: string;
}

/** A message of a project's chat: by a user, or by the assistant, then with `response`. */
export interface ChatMessage {
  id: string;
  requestId: string;
  role: "assistant" | "user";
  user: User;
  content: string;
  createdAt: string;
  response?: AiResponse;
}

/** What the sender says, in Markdown, and perhaps the place in a file that it is about. `key` is the sender's own name for the message. A message with the same `key` is not there twice, so it can be sent again when no acknowledgement came. */
export interface ChatMessagePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  message: string;
  place?: FilePlacePayload;
  key?: string;
}

/** The message. */
export interface ChatMessageResult {
  message: PeopleMessage;
}

/** Somebody has said something to the people of the project. The sender hears it too. */
export interface ChatMessageSent {
  message: PeopleMessage;
}

/** The user has read a message and all before it, on another connection. */
export interface ChatRead {
  messageId: string;
  unread: number;
}

/** The last message that was read. */
export interface ChatReadPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  messageId: string;
}

/** How many are unread now. */
export interface ChatReadResult {
  unread: number;
}

/** The next piece of the text, the `number`th from 1. With a `path` it is of that file. */
export interface CodeChunk {
  requestId: string;
  content: string;
  number: number;
  path?: string;
}

/** The whole text; `cancelled` if it was stopped before its end. */
export interface CodeCompleted {
  requestId: string;
  content: string;
  cancelled: boolean;
}

/** No more text comes, because the assistant failed. */
export interface CodeFailed {
  requestId: string;
  error: Record<string, unknown>;
}

/** Text begins to stream. With a `path` it is the text of that file. */
export interface CodeStarted {
  requestId: string;
  path?: string;
}

/** A file, or its first lines, that the assistant was shown: so many bytes of `size`, and why. `named`: the message names it, perhaps after an @; `found`: by a search for the message's words. */
export interface ContextFile {
  path: string;
  bytes: number;
  size: number;
  reason: "current" | "found" | "named" | "open";
}

/** Where the sender is. `version` says in which version of a document that is open. */
export interface CursorPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  position: Place;
  selection?: Range;
  version?: number;
}

/** Where a user is in a file. Volatile: left out for clients that cannot take it at once. `version` is that of the document which the place is in, if the sender has told it. */
export interface CursorUpdated {
  user: User;
  socketId: string;
  projectId: string;
  filePath: string;
  position: Position;
  selection?: Selection;
  version?: number;
}

/** What became of a proposal, and who said so. */
export interface Decision {
  outcome: "accepted" | "partly" | "rejected";
  user: User;
}

/** A file or folder in the bin, with the path that it had; `size` in bytes, of all its files. */
export interface Deletion {
  id: string;
  path: string;
  isFolder: boolean;
  deletedAt: string;
  deletedBy: string;
  fileCount: number;
  size: number;
}

/** A file, or a folder as a zip archive; without `filePath` the whole project. */
export interface DownloadCreatePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath?: string;
}

/** Where it can be fetched, once, until `expiresAt`, and the name for the file. */
export interface DownloadResult {
  url: string;
  name: string;
  expiresAt: string;
}

/** What came. */
export interface EchoResult {
  data: unknown;
}

/** The second argument of every event that the server sends. */
export interface Envelope {
  event: string;
  timestamp: string;
  metadata: EnvelopeMetadata;
  userId?: string;
  projectId?: string;
}

/** Where an event comes from: "client" is what a client did and others hear of, "server" what the server answers or does by itself. */
export interface EnvelopeMetadata {
  source: "client" | "server";
  priority: "high" | "low" | "medium";
  correlationId?: string;
}

/** An event of the client failed, and it asked for no acknowledgement. */
export interface Failed {
  code: string;
  message: string;
  event: string;
  details?: Record<string, unknown>;
}

/** A file without its content. `name` is the last part of the path, `size` in bytes, `hash` the SHA-256 of the content. `revision` grows with every change of any file in the project. `mediaType`, such as `image/png`, is that of a file that is no text: `file:download` has its bytes. */
export interface File {
  path: string;
  name: string;
  size: number;
  hash: string;
  revision: number;
  updatedAt: string;
  updatedBy: string;
  mediaType?: string;
}

/** What happened to a file. Without `content` this is news only: the file stays as it is, and a new one is empty. With `baseRevision` the change is refused if the file has another revision; 0 stands for no file. */
export interface FileChange {
  path: string;
  action: "created" | "deleted" | "updated";
  timestamp?: string;
  content?: string;
  baseRevision?: number;
}

/** A change. With `lockToken` it is only made if the lock of that token still holds. */
export interface FileChangePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  file: FileChange;
  lockToken?: number;
}

/** The file as it is now; absent if it was deleted. */
export interface FileChangeResult {
  filePath: string;
  file?: File;
}

/** Which file. */
export interface FileClosePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
}

/** The file is not open any more; `closed` tells whether it was. */
export interface FileCloseResult {
  filePath: string;
  closed: boolean;
}

/** Which file or folder, and where it goes: the whole path, with the new name. */
export interface FileCopyPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  newPath: string;
}

/** The path of the copy, and how many files it has; `file` if it is one. */
export interface FileCopyResult {
  filePath: string;
  newPath: string;
  count: number;
  file?: File;
}

/** There is a new file. `content` is left out above 64 KiB or where many files change at once: `file:read` has it. */
export interface FileCreated {
  file: File;
  content?: string;
}

/** Which file or folder. With `lockToken` a file is only deleted if the lock of that token still holds. */
export interface FileDeletePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  lockToken?: number;
}

/** How many files are gone. `deletionId` is what `bin:restore` takes. */
export interface FileDeleteResult {
  filePath: string;
  deletionId: string;
  count: number;
}

/** A file is gone. What was at its path before has a lower revision, and what comes there later a greater one than `revision`. */
export interface FileDeleted {
  filePath: string;
  revision: number;
}

/** How a file differs between two versions; `diff` is a unified diff, cut when it is long. */
export interface FileDifference {
  path: string;
  status: "created" | "deleted" | "updated";
  diff: string;
}

/** Which file to read: as it is, as it was in a version, or as it was at a save. `offset` and `limit` are in bytes. */
export interface FileDownloadPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  versionId?: string;
  saveId?: string;
  offset?: number;
  limit?: number;
}

/** The bytes of a file, or a part of them: then `next` is the offset of the part that follows. `size` in bytes and `hash` are those of the whole file. If a part has another `hash` than the one before, the file has changed meanwhile. `file` is absent for a version, `mediaType` for a text. */
export interface FileDownloadResult {
  filePath: string;
  data: Uint8Array | ArrayBuffer;
  size: number;
  hash: string;
  next?: number;
  file?: File;
  mediaType?: string;
}

/** A change of the document at `version`, the `number`th of `author`, counted from 1. */
export interface FileEditPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  epoch: string;
  version: number;
  author: string;
  number: number;
  change: Array<unknown>;
}

/** A change of an open file. It leads from `version` to the next version, and changes come in this order. A client's own change has the user, `author` and `number` that it was sent with. A change from outside has the author "" and the number 0. */
export interface FileEdited {
  filePath: string;
  epoch: string;
  version: number;
  author: string;
  number: number;
  user: User;
  change: Array<unknown>;
}

/** Which file, and which part of its history. */
export interface FileHistoryPayload {
  userId?: string;
  metadata?: Metadata;
  after?: string;
  limit?: number;
  projectId: string;
  filePath: string;
}

/** The saves, the last one first; `next` where there are more. */
export interface FileHistoryResult {
  saves: Array<Save>;
  next?: string;
}

/** A file is locked; or, if the lock is `orphaned`, its holder's connection is lost, and the lock ends with `file:unlocked` unless the holder comes back in time. */
export interface FileLocked {
  lock: Lock;
}

/** Which file or folder, and where it goes: the whole path, with the new name. With `overwrite` a file replaces a file at the new path; otherwise nothing is done if something is there. With `lockToken` a file is only moved if the lock of that token still holds. */
export interface FileMovePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  newPath: string;
  overwrite?: boolean;
  lockToken?: number;
}

/** The new path, and how many files were moved; `file` if it is one. */
export interface FileMoveResult {
  filePath: string;
  newPath: string;
  count: number;
  file?: File;
}

/** A file, or a folder with all `count` files in it, has another path. Locks, open documents and all else that is known of the files go with them. Their content and revision are what they were. A file that was at the new path is gone. `file` is absent for a folder. What was at both paths before has a lower revision, and what comes there later a greater one than `revision`. */
export interface FileMoved {
  filePath: string;
  newPath: string;
  count: number;
  revision: number;
  file?: File;
}

/** Which file. `since` is what a client that comes back has, and `author` is who edits there. */
export interface FileOpenPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  since?: Base;
  author?: string;
}

/** The document: its `content`, whose lines end with " ", or the `updates` since what the client has. `filePath` is not the path that was asked for if the document of `since` was moved meanwhile. `revision` is that of the last save. `number` is that of the last change of `author` that was taken, 0 if there is none. */
export interface FileOpenResult {
  filePath: string;
  epoch: string;
  version: number;
  revision: number;
  number?: number;
  content?: string;
  updates?: Array<Update>;
}

/** A file, and perhaps a line of it; lines count from 0. */
export interface FilePlace {
  filePath: string;
  line?: number;
}

/** A file, and perhaps a line of it; lines count from 0. */
export interface FilePlacePayload {
  filePath: string;
  line?: number;
}

/** Which file to read: as it is, as it was in a version, or as it was at a save. `offset` and `limit` are in bytes. */
export interface FileReadPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  versionId?: string;
  saveId?: string;
  offset?: number;
  limit?: number;
}

/** The content of a file, or a part of it: then `next` is the offset of the part that follows. `size` in bytes and `hash` are those of the whole file. If a part has another `hash` than the one before, the file has changed meanwhile. `file` is absent for a version. */
export interface FileReadResult {
  filePath: string;
  content: string;
  size: number;
  hash: string;
  next?: number;
  file?: File;
}

/** A lock on a file is gone; other shared ones may be left. */
export interface FileUnlocked {
  filePath: string;
  token: number;
}

/** A file has changed. `content` is left out above 64 KiB or where many files change at once: `file:read` has it. */
export interface FileUpdated {
  file: File;
  content?: string;
}

/** A file, or a part of it: `data` from `offset` on. `size` is that of the whole file, by default that of `data`. All parts after the first one have the `uploadId` that the answer to it had. A file at the path is replaced with `overwrite`, or if it has the `baseRevision`. With `lockToken` that is only done if the lock of that token still holds. */
export interface FileUploadPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  data: Uint8Array | ArrayBuffer;
  size?: number;
  offset?: number;
  uploadId?: string;
  overwrite?: boolean;
  baseRevision?: number;
  lockToken?: number;
}

/** The `file` as it is now; or, if there is more to come, the upload, and the offset of the `next` part. */
export interface FileUploadResult {
  filePath: string;
  file?: File;
  next?: number;
  uploadId?: string;
}

/** The files, by path; `next` where there are more. */
export interface FilesResult {
  files: Array<File>;
  next?: string;
}

/** Which file, and the save that it is to be like. */
export interface HistoryRestorePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  saveId: string;
}

/** The file as it is now. */
export interface HistoryRestoreResult {
  filePath: string;
  file: File;
}

/** Messages of the chat, the oldest first; `next` where there are older ones. */
export interface HistoryResult {
  messages: Array<ChatMessage>;
  next?: string;
}

/** A link that lets people into a project with a role, until it expires, is used up or revoked. Without `uses_left` it is never used up. */
export interface Invitation {
  id: string;
  role: "viewer" | "editor" | "owner";
  createdAt: string;
  createdBy: string;
  expiresAt: string;
  usesLeft?: number;
}

/** The token of an invitation. */
export interface InvitationAcceptPayload {
  userId?: string;
  metadata?: Metadata;
  token: string;
}

/** The project, and the user's role in it. */
export interface InvitationAcceptResult {
  project: Project;
  role: "viewer" | "editor" | "owner";
}

/** The role that an invitation gives, for how many days it holds, and how often it may be used: without `uses` as often as the project has room. */
export interface InvitationCreatePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  role?: "editor" | "viewer";
  days?: number;
  uses?: number;
}

/** The invitation, and the token that `invitation:accept` takes: it is told once. */
export interface InvitationCreateResult {
  invitation: Invitation;
  token: string;
}

/** Which invitation. */
export interface InvitationRevokePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  invitationId: string;
}

/** The invitations that hold, the oldest first. */
export interface InvitationsResult {
  invitations: Array<Invitation>;
}

/** Which project to leave; `forGood` also as a member. */
export interface LeavePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  forGood?: boolean;
}

/** A lock on a file. `token` is greater than that of every lock granted before; `file:change` takes it to make sure that the lock still holds. `orphaned`: the holder's connection is gone, and the lock goes with it unless the user comes back in time. */
export interface Lock {
  filePath: string;
  lockType: "exclusive" | "shared";
  user: User;
  token: number;
  acquiredAt: string;
  orphaned: boolean;
}

/** Which request is answered, and whether the lock is handed over. */
export interface LockAnswerPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  requestId: string;
  answer: "hand-over" | "keep";
}

/** What became of the request; `lock` is the asker's, if it was handed over. */
export interface LockAnswerResult {
  requestId: string;
  outcome: "ended" | "expired" | "handed-over" | "kept" | "withdrawn";
  lock?: Lock;
}

/** What became of a request for a lock. "handed-over": it is the asker's, with this `lock`. "expired": there was no answer. "ended": the lock is gone, or one of the two has left. */
export interface LockAnswered {
  requestId: string;
  outcome: "ended" | "expired" | "handed-over" | "kept" | "withdrawn";
  filePath?: string;
  user?: User;
  lock?: Lock;
}

/** Which file to ask for. */
export interface LockAskPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
}

/** The request. */
export interface LockAskResult {
  request: LockRequest;
}

/** Somebody asks the receiver for a file that the receiver has locked: `lock:answer` hands it over or keeps it. */
export interface LockAsked {
  request: LockRequest;
}

/** What to lock, and how: several users may hold shared locks on a file, or one an exclusive one. */
export interface LockPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
  lockType?: "exclusive" | "shared";
}

/** Somebody asks the holder of an exclusive lock to hand it over. The request ends after `seconds`. */
export interface LockRequest {
  id: string;
  projectId: string;
  filePath: string;
  user: User;
  holder: User;
  askedAt: string;
  seconds: number;
}

/** The lock. */
export interface LockResult {
  lock: Lock;
}

/** Which of the user's own requests. */
export interface LockWithdrawPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  requestId: string;
}

/** The locks, by token; `next` where there are more. */
export interface LocksResult {
  locks: Array<Lock>;
  next?: string;
}

/** A user's name and password. */
export interface LoginPayload {
  userId?: string;
  metadata?: Metadata;
  username: string;
  password: string;
}

/** Who is logged out. */
export interface LogoutResult {
  userId: string;
}

/** A member of a project. */
export interface Member {
  user: User;
  role: "viewer" | "editor" | "owner";
}

/** What a client may add to any payload; `correlationId` comes back in every event it causes. */
export interface Metadata {
  correlationId?: string;
}

/** Something that a user should know. `user_id` is absent if it is for everybody; `project_id` and `about` say what it opens. */
export interface Notification {
  id: string;
  type: string;
  title: string;
  message: string;
  createdAt: string;
  isRead: boolean;
  userId?: string;
  projectId?: string;
  about?: About;
}

/** Something that a user, or everybody, should know. */
export interface NotificationNew {
  notification: Notification;
}

/** The user has read notifications on another connection: those with `ids`, or all if there are no `ids`. */
export interface NotificationRead {
  unread: number;
  ids?: Array<string>;
}

/** Which notifications were read; all, if none are named. */
export interface NotificationReadPayload {
  userId?: string;
  metadata?: Metadata;
  ids?: Array<string>;
}

/** How many were unread until now, and how many still are. */
export interface NotificationReadResult {
  marked: number;
  unread: number;
}

/** The notifications, the newest first. `unread` counts all that are unread. `next` is there if there are more. */
export interface NotificationsResult {
  notifications: Array<Notification>;
  unread: number;
  next?: string;
}

/** Which part of a long list: from the beginning, or `after` the `next` of the page before. */
export interface PagePayload {
  userId?: string;
  metadata?: Metadata;
  after?: string;
  limit?: number;
}

/** What a client sends with an event. A `userId` must be the sender's own, where `declares_user` does not say otherwise. */
export interface Payload {
  userId?: string;
  metadata?: Metadata;
}

/** What somebody says to the people of a project, in Markdown. `mentions` are those whom it names with an @, `place` is what it is about. */
export interface PeopleMessage {
  id: string;
  projectId: string;
  user: User;
  content: string;
  createdAt: string;
  mentions?: Array<User>;
  place?: FilePlace;
}

/** A place in a text; both count from 0. */
export interface Place {
  line: number;
  column: number;
}

/** The answer to `test:ping`. */
export interface Pong {
  message: string;
}

/** A place in a text; both count from 0. */
export interface Position {
  line: number;
  column: number;
}

/** A user in a project: what they say that they are doing. */
export interface Presence {
  user: User;
  status: "away" | "busy" | "offline" | "online";
  activity?: string;
}

/** What the user is doing. The time is the server's, whatever `timestamp` says. */
export interface PresencePayload {
  userId?: string;
  metadata?: Metadata;
  status: "away" | "busy" | "offline" | "online";
  activity?: string;
  timestamp?: string;
}

/** What the others see. */
export interface PresenceResult {
  presence: Presence;
}

/** The users in the project, in the order in which they came; `next` where there are more. */
export interface PresentResult {
  presence: Array<Presence>;
  next?: string;
}

/** A project. `everyone` is the role of those who are no members, if they have one. */
export interface Project {
  id: string;
  name: string;
  description: string;
  type: string;
  members: Array<Member>;
  createdAt: string;
  updatedAt: string;
  everyone?: "viewer" | "editor" | "owner";
}

/** What a new project is. `key` is its maker's own name for it. A project with the same `key` is not made twice, so it can be asked for again when no acknowledgement came. */
export interface ProjectCreatePayload {
  userId?: string;
  metadata?: Metadata;
  name: string;
  description?: string;
  type?: "api" | "cli" | "data" | "library" | "other" | "web";
  key?: string;
}

/** There is a new project, or one was shared with the user who hears it. */
export interface ProjectCreated {
  project: Project;
}

/** Which project is gone. */
export interface ProjectDeleteResult {
  projectId: string;
}

/** A project is gone, or not shared any more with the user who hears it. */
export interface ProjectDeleted {
  projectId: string;
}

/** All that a client needs to show the project; `users` are those who are there now. Of long lists there is the first page: `file:list` goes on after `nextFile`, `file:locks` after `nextLock`, `user:list` after `nextPresence`, `ai:history` after `nextMessage`. `answering` are the requests whose answers the assistant is making, and `answers` what there is of each; `assistant` is who answers. */
export interface ProjectJoinResult {
  projectId: string;
  room: string;
  user: User;
  role: "viewer" | "editor" | "owner";
  users: Array<User>;
  project: Project;
  files: Array<File>;
  locks: Array<Lock>;
  presence: Array<Presence>;
  messages: Array<ChatMessage>;
  answering: Array<string>;
  answers: Array<Answer>;
  assistant: Assistant;
  nextFile?: string;
  nextMessage?: string;
  nextLock?: string;
  nextPresence?: string;
}

/** What was left. */
export interface ProjectLeaveResult {
  projectId: string;
  room: string;
}

/** Which part of a long list of a project. */
export interface ProjectPagePayload {
  userId?: string;
  metadata?: Metadata;
  after?: string;
  limit?: number;
  projectId: string;
}

/** What a client sends about one project. */
export interface ProjectPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
}

/** The project. */
export interface ProjectResult {
  project: Project;
}

/** A field of a project and its new value. */
export interface ProjectUpdate {
  type: "description" | "name" | "type";
  value: string;
}

/** What changes in a project. */
export interface ProjectUpdatePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  update: ProjectUpdate;
}

/** A project or its members have changed. */
export interface ProjectUpdated {
  project: Project;
}

/** The projects; `next` where there are more. */
export interface ProjectsResult {
  projects: Array<Project>;
  next?: string;
}

/** A range in a text. */
export interface Range {
  start: Place;
  end: Place;
}

/** A `room:` event of the client failed, and it asked for no acknowledgement. */
export interface RoomFailed {
  error: string;
  code: string;
  message: string;
  event: string;
  details?: Record<string, unknown>;
}

/** The socket is in the room. */
export interface RoomJoined {
  room: string;
}

/** The socket is not in the room any more. */
export interface RoomLeft {
  room: string;
}

/** Which room. */
export interface RoomPayload {
  userId?: string;
  metadata?: Metadata;
  room: string;
}

/** The room. */
export interface RoomResult {
  room: string;
}

/** The rooms that were left. */
export interface RoomsResult {
  rooms: Array<string>;
}

/** A file as it was after a save, or after `count` saves within five minutes by people who typed together. `users` are all of them. `savedBy` and `savedAt` tell of the last save. `filePath` is the path that the file had. */
export interface Save {
  id: string;
  filePath: string;
  size: number;
  hash: string;
  savedAt: string;
  savedBy: string;
  users: Array<string>;
  count: number;
  mediaType?: string;
}

/** A place, whose lines and UTF-16 units count from 0, with its line, or the part of it from `excerptColumn` on. `match` is what was found, up to 2000 characters. */
export interface SearchHit {
  start: Place;
  end: Place;
  match: string;
  excerpt: string;
  excerptColumn?: number;
  replacement?: string;
}

/** What to search for, in which files. `include` and `exclude` are globs of paths: `*.js` in any folder, `src/**\/*.py`, or a folder. With `replacement` each hit has what would replace it: this text, in which a regular expression may have `$1`, `$&`, `\n` and `\t`. */
export interface SearchPayload {
  userId?: string;
  metadata?: Metadata;
  after?: string;
  limit?: number;
  projectId: string;
  query: string;
  isRegex?: boolean;
  isCaseSensitive?: boolean;
  isWholeWord?: boolean;
  include?: Array<string>;
  exclude?: Array<string>;
  replacement?: string;
}

/** The hits by path, and how many files were gone through for them. `skipped` are the files that are too long. `next` says where the search goes on. */
export interface SearchResult {
  files: Array<SearchedFile>;
  searched: number;
  skipped?: number;
  next?: string;
}

/** A file with hits in it. */
export interface SearchedFile {
  filePath: string;
  hits: Array<SearchHit>;
}

/** A range in a text. */
export interface Selection {
  start: Position;
  end: Position;
}

/** This server is about to end, and others go on. It still acknowledges what was sent: wait for that, send nothing more, disconnect, and connect again. After a second or two it disconnects. */
export interface ServerDraining {
}

/** What happened elsewhere may not have been told: the other servers could not be reached for a while. `project:join` once more brings all that there is. */
export interface ServerResync {
}

/** A session. Its `id` is a secret, told only to the client that opened or refreshed the session. */
export interface Session {
  userId: string;
  createdAt: string;
  expiresAt: string;
  id?: string;
}

/** A session's id, under either of two names. */
export interface SessionPayload {
  userId?: string;
  metadata?: Metadata;
  sessionId?: string;
  token?: string;
}

/** The session. */
export interface SessionResult {
  session: Session;
}

/** Whom to share with, and their role. `userId` is that of the other user, not the sender's. */
export interface SharePayload {
  userId: string;
  metadata?: Metadata;
  projectId: string;
  role: "viewer" | "editor" | "owner";
}

/** Whether the user is typing. Without a project that is told in each project that the socket is in. */
export interface TypingPayload {
  userId?: string;
  metadata?: Metadata;
  isTyping: boolean;
  projectId?: string;
}

/** Something in an answer that was meant for a file, and that is no proposal; `message` says why. */
export interface Unfit {
  path: string;
  message: string;
}

/** What to unlock. */
export interface UnlockPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  filePath: string;
}

/** The file is not locked by this socket; `released` tells whether it was. */
export interface UnlockResult {
  filePath: string;
  released: boolean;
}

/** Whom to share with no longer. `userId` is that of the other user, not the sender's. */
export interface UnsharePayload {
  userId: string;
  metadata?: Metadata;
  projectId: string;
}

/** A change of a document, as the one that leads from `version` to the next. `change` is a ChangeSet of CodeMirror as JSON; see docs/coediting.md. It is the `number`th of `author`, an open editor of `user`; a change from outside has the author "" and the number 0. */
export interface Update {
  version: number;
  author: string;
  number: number;
  user: User;
  change: Array<unknown>;
}

/** The tokens that a model read and wrote. */
export interface Usage {
  promptTokens: number;
  completionTokens: number;
}

/** A user as others see them. */
export interface User {
  id: string;
  name: string;
}

/** The room, and whose it is. */
export interface UserJoinResult {
  room: string;
  user: User;
}

/** A user's first socket is in the project. */
export interface UserJoined {
  user: User;
}

/** The room. */
export interface UserLeaveResult {
  room: string;
}

/** A user's last socket is out of the project. */
export interface UserLeft {
  user: User;
}

/** Who the user is. */
export interface UserPayload {
  userId: string;
  metadata?: Metadata;
}

/** What a user says that they are doing. */
export interface UserPresence {
  user: User;
  status: "away" | "busy" | "offline" | "online";
  timestamp: string;
  activity?: string;
}

/** How the name or the id begins; capitals count as small letters. */
export interface UserSearchPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  prefix: string;
}

/** Users who are no members of the project, at most 10, by name. */
export interface UserSearchResult {
  users: Array<User>;
}

/** A user is typing, or not any more; typing ends by itself after four seconds. */
export interface UserTyping {
  user: User;
  projectId: string;
  isTyping: boolean;
}

/** A snapshot of all files of a project. An `automatic` one was made by the server, an hour after the first change since the last one: `createdBy` is "". */
export interface Version {
  id: string;
  projectId: string;
  name: string;
  message: string;
  createdAt: string;
  createdBy: string;
  fileCount: number;
  automatic?: boolean;
}

/** Which version to compare with another one, or without `otherVersionId` with the files as they are. */
export interface VersionComparePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  versionId: string;
  otherVersionId?: string;
}

/** The first thousand files that differ, by path, as if the version had become the other one. `count` is how many files differ. */
export interface VersionCompareResult {
  versionId: string;
  differences: Array<FileDifference>;
  count: number;
  otherVersionId?: string;
}

/** What to call the version. `key` is its maker's own name for it. A version with the same `key` is not made twice, so it can be asked for again when no acknowledgement came. */
export interface VersionCreatePayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  name?: string;
  message?: string;
  key?: string;
}

/** There is a new version. */
export interface VersionCreated {
  version: Version;
}

/** Which version is gone. */
export interface VersionDeleteResult {
  versionId: string;
}

/** A version is gone. */
export interface VersionDeleted {
  versionId: string;
}

/** Which version. */
export interface VersionPayload {
  userId?: string;
  metadata?: Metadata;
  projectId: string;
  versionId: string;
}

/** The version; the first thousand of the `changedCount` files that have changed; and the version that was made of the files as they were before. */
export interface VersionRestoreResult {
  version: Version;
  changed: Array<string>;
  changedCount: number;
  backup?: Version;
}

/** The files are those of this version again; the events of the changed files follow. */
export interface VersionRestored {
  version: Version;
}

/** The version. */
export interface VersionResult {
  version: Version;
}

/** The versions, the newest first; `next` where there are more. */
export interface VersionsResult {
  versions: Array<Version>;
  next?: string;
}
