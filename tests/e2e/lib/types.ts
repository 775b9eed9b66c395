// The shapes of api/openapi.yaml, as far as the tests name them. Every answer is checked against the document itself
// before it is seen as one of these.

export interface User {
  id: number;
  username: string;
  display_name: string | null;
  avatar: string | null;
  role: 'guest' | 'member' | 'admin' | 'owner';
  bot: boolean;
  deactivated: boolean;
  deleted: boolean;
  changed_rev: number;
  status?: string | null;
  do_not_disturb?: boolean;
}

export interface Me extends User {
  session: { id: string; kind: 'cookie' | 'client' | 'token'; scopes: string[]; expires_at: string | null };
}

export interface SignedIn {
  user: User;
  access_token: string;
  token_type: string;
  expires_in: number;
  refresh_token?: string;
}

export interface Session {
  id: string;
  kind: string;
  address: string | null;
  user_agent: string | null;
  current: boolean;
}

export interface Token {
  id: string;
  name: string;
  scopes: string[];
  last_used_at: string | null;
  expires_at: string | null;
  token: string;
}

export interface ChannelMe {
  role: 'member' | 'op' | 'owner';
  voice: boolean;
  read_id: number;
  read_seq: number;
  mention_count: number;
  level: string;
  muted_until: string | null;
  silenced_until: string | null;
  hidden: boolean;
  first_id: number;
}

export interface Channel {
  id: number;
  kind: 'public' | 'private' | 'dm' | 'server';
  name: string | null;
  topic: string | null;
  history: string;
  slow_mode_s: number;
  read_only: boolean;
  archived: boolean;
  default: boolean;
  rev: number;
  rev_at: string | null;
  last_id: number;
  last_seq: number;
  member_count: number;
  user_ids?: number[];
  me?: ChannelMe;
}

export interface Reaction {
  emoji: string;
  count: number;
  user_ids: number[];
}

export interface Message {
  channel_id: number;
  message_id: number;
  seq: number | null;
  rev: number;
  changed_rev: number;
  body_rev: number;
  nonce: string;
  author_id: number;
  kind: string;
  body: string;
  created_at: string;
  edited_at?: string;
  deleted_at?: string;
  reply_to?: number;
  thread_id?: number;
  thread_seq?: number;
  mentions: { user_ids: number[]; all: boolean };
  reactions: Reaction[];
  thread?: Thread;
}

export interface Thread {
  count: number;
  last_id: number;
  last_at: string;
  last_seq: number;
  user_ids: number[];
}

export interface ThreadPage {
  root: Message;
  items: Message[];
  before: boolean;
  after: boolean;
  refs: Message[];
  users: User[];
  mine: { message_id: number; emoji: string }[];
  me: { following: boolean; read_seq: number; mention_count: number };
  epoch: string;
  rev: number;
}

export interface Followed {
  root: Message;
  following: true;
  read_seq: number;
  mention_count: number;
  unread: number;
}

export interface Event {
  channel_id: number;
  rev: number;
  at: string;
  type: string;
  change?: string;
  actor_id: number | null;
  user_id?: number;
  message_id?: number;
  changed_rev?: number;
  message?: Message;
  root?: { message_id: number; thread: Thread | null };
  emoji?: string;
  count?: number;
  user_ids?: number[];
  given?: boolean;
  topic?: string;
  name?: string;
  user?: User;
  role?: string;
  voice?: boolean;
  muted_until?: string | null;
  reason?: string;
  banned?: boolean;
  until?: string | null;
  kind?: string;
  history?: string;
}

export interface Ban {
  user_id: number;
  actor_id: number;
  at: string;
  until: string | null;
  reason: string | null;
}

export interface MessagePage {
  items: Message[];
  before: boolean;
  after: boolean;
  changes: Event[];
  refs: Message[];
  users: User[];
  mine: { message_id: number; emoji: string }[];
  epoch: string;
  rev: number;
}

export interface ChangePage {
  items: Event[];
  after: boolean;
  epoch: string;
  rev: number;
}

export interface Member {
  user_id: number;
  role: string;
  voice: boolean;
  muted_until: string | null;
}

export interface Invite {
  code: string;
  channel: { id: number; kind: string; name: string | null; topic: string | null; member_count: number } | null;
  inviter: { id: number; username: string };
  user_id: number | null;
  guest: boolean;
  created_at: string;
  expires_at: string;
  max_uses?: number;
  uses?: number;
}

export interface List<T> {
  items: T[];
  next: string | null;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail?: string;
  errors?: { field: string; detail: string }[];
}
