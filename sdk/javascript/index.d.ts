import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";
import type {
  Action,
  AiResponse,
  ChatContext,
  ChatMessagePayload,
  ClientEvents,
  BinRestoreResult,
  Deletion,
  Envelope,
  ErrorCode,
  File,
  FileChangeResult,
  FileCopyResult,
  FileDeleteResult,
  FileDownloadResult,
  FileMoveResult,
  FileReadResult,
  InvitationAcceptResult,
  InvitationCreatePayload,
  InvitationCreateResult,
  Lock,
  Notification,
  PeopleMessage,
  Project,
  ProjectJoinResult,
  ProjectLeaveResult,
  SearchPayload,
  SearchedFile,
  Save,
  ServerEvents,
  Session,
  User,
  Version,
} from "./events.js";

export type * from "./events.js";

/** Times in milliseconds, as in the official client, whose options are all taken. */
export interface Options extends Partial<ManagerOptions & SocketOptions> {
  baseURL?: string;
  /** A session that was opened before. */
  sessionId?: string;
  /** Who to be without a session, where the server runs in open mode. */
  userId?: string;
  /** What `reconnectionAttempts` is called in the API's document. */
  maxReconnectionAttempts?: number;
}

export interface AIMessage {
  message: string;
  projectId?: string;
  context?: ChatContext;
  /** With the same one a message is asked once, however often it is sent. One of its own by default. */
  key?: string;
  /** Hears the response piece by piece. */
  onChunk?: (text: string) => void;
  /** Stops the answer; the response has what there was, and `cancelled`. */
  signal?: AbortSignal;
  /** Until the response must be there; 150 seconds by default. */
  timeout?: number;
}

/** What happens to the connection; the first four are the manager's in the official client. */
export interface ConnectionEvents {
  reconnect: (attempt: number) => void;
  reconnect_attempt: (attempt: number) => void;
  reconnect_error: (error: Error) => void;
  reconnect_failed: () => void;
  connect: () => void;
  connect_error: (error: Error) => void;
  disconnect: (reason: string) => void;
  /** The server drops what comes too fast; `retryAfter` is in milliseconds. Told once. */
  rate_limited: (data: { retryAfter: number }) => void;
}

/** What the lists hold that are read page by page. */
export interface Lists {
  "bin:list": Deletion;
  "file:list": File;
  "file:locks": Lock;
  "history:list": Save;
  "notification:list": Notification;
  "project:list": Project;
  "user:list": Presence;
  "version:list": Version;
}

type Handlers = ConnectionEvents & {
  [Event in keyof ServerEvents]: (data: ServerEvents[Event], event: Envelope) => void;
};

export class AICodingAssistantSocket {
  constructor(options?: Options);

  readonly socket: Socket;
  readonly id: string | undefined;
  readonly connected: boolean;
  readonly user: User | null;
  readonly sessionId: string | undefined;

  connect(): Promise<User | null>;
  disconnect(): void;
  login(username: string, password: string): Promise<{ user: User; session: Session }>;
  logout(): Promise<void>;

  on<Event extends keyof Handlers>(event: Event, handler: Handlers[Event]): this;
  once<Event extends keyof Handlers>(event: Event, handler: Handlers[Event]): this;
  off<Event extends keyof Handlers>(event: Event, handler?: Handlers[Event]): this;
  emit<Event extends keyof ClientEvents>(
    event: Event,
    payload?: ClientEvents[Event]["payload"],
  ): this;
  call<Event extends keyof ClientEvents>(
    event: Event,
    payload?: ClientEvents[Event]["payload"],
  ): Promise<ClientEvents[Event]["result"]>;

  listAll<Event extends keyof Lists>(
    event: Event,
    payload?: ClientEvents[Event]["payload"],
    after?: string,
  ): Promise<Lists[Event][]>;
  readFile(
    projectId: string,
    filePath: string,
    options?: { versionId?: string; saveId?: string },
  ): Promise<Omit<FileReadResult, "next">>;
  downloadFile(
    projectId: string,
    filePath: string,
    options?: { versionId?: string; saveId?: string },
  ): Promise<Omit<FileDownloadResult, "next" | "data"> & { data: Uint8Array }>;
  uploadFile(
    projectId: string,
    filePath: string,
    data: Uint8Array | ArrayBuffer | string,
    options?: { overwrite?: boolean; baseRevision?: number },
  ): Promise<File>;
  createDownload(projectId: string, filePath?: string): Promise<string>;
  moveFile(
    projectId: string,
    filePath: string,
    newPath: string,
    options?: { overwrite?: boolean },
  ): Promise<FileMoveResult>;
  copyFile(projectId: string, filePath: string, newPath: string): Promise<FileCopyResult>;
  deleteFile(projectId: string, filePath: string): Promise<FileDeleteResult>;
  restoreFile(
    projectId: string,
    deletionId: string,
    options?: { newPath?: string },
  ): Promise<BinRestoreResult>;
  joinProject(projectId: string): Promise<ProjectJoinResult>;
  search(
    projectId: string,
    query: string,
    options?: Omit<SearchPayload, "projectId" | "query" | "after">,
  ): Promise<SearchedFile[]>;
  replace(
    projectId: string,
    query: string,
    replacement: string,
    options?: Omit<SearchPayload, "projectId" | "query" | "replacement" | "after">,
  ): Promise<{ filePath: string; replaced: number; left: number }[]>;
  restoreSave(
    projectId: string,
    filePath: string,
    saveId: string,
  ): Promise<ClientEvents["history:restore"]["result"]>;
  leaveProject(projectId: string, options?: { forGood?: boolean }): Promise<ProjectLeaveResult>;
  lockFile(
    projectId: string,
    filePath: string,
    options?: { lockType?: Lock["lockType"] },
  ): Promise<FileLock>;
  openDocument(projectId: string, filePath: string): Promise<SharedDocument>;
  askForLock(projectId: string, filePath: string): Promise<boolean>;
  invite(
    invitation: Omit<InvitationCreatePayload, "userId" | "metadata">,
  ): Promise<InvitationCreateResult>;
  acceptInvitation(token: string): Promise<InvitationAcceptResult>;
  sendMessage(
    message: Pick<ChatMessagePayload, "message" | "projectId" | "place" | "key">,
  ): Promise<PeopleMessage>;
  sendAIMessage(message: AIMessage): Promise<AiResponse>;
  acceptAction(projectId: string, response: AiResponse, action: Action): Promise<FileChangeResult>;
  rejectAction(projectId: string, response: AiResponse, action: Action): Promise<void>;

  typing(projectId: string): void;
  stopTyping(projectId: string): void;
  queue<Event extends keyof ClientEvents>(
    event: Event,
    data?: ClientEvents[Event]["payload"],
  ): Promise<ClientEvents[Event]["result"]>;
  flush(): Promise<void>;
}

/** A file that is edited together with others; places count UTF-16 units. */
export class SharedDocument implements AsyncDisposable {
  readonly projectId: string;
  readonly filePath: string;
  /** As it is here, with what is not acknowledged yet. Lines end with "\n". */
  readonly text: string;
  readonly isSettled: boolean;
  onChange(listener: (text: string) => void): () => void;
  insert(at: number, text: string): void;
  delete(start: number, end: number): void;
  append(text: string): void;
  replace(start: number, end: number, text: string): void;
  update(make: (text: string) => string): void;
  wait(): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export class FileLock implements AsyncDisposable {
  readonly projectId: string;
  readonly filePath: string;
  readonly lock: Lock;
  readonly token: number;
  /** False once it is released, or lost to somebody else during a disconnection. */
  readonly held: boolean;
  write(content: string, options?: { action?: "created" | "updated" }): Promise<FileChangeResult>;
  unlock(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export class SDKError extends Error {}
export class Refused extends SDKError {
  readonly code: ErrorCode;
  readonly details?: Record<string, unknown>;
}
export class Unreachable extends SDKError {}
/** The program has logged out, or in as another user, before all was done that it had begun. */
export class SessionEnded extends SDKError {}
