// The verdict: what senders and readers remember, against the tables of the database.
import type { Event, Message } from '../e2e/lib/types.ts';
import type { Database } from './database.ts';
import type { Deed, Sent } from './outbox.ts';
import type { Stream } from './stream.ts';

interface MessageRow {
  channel_id: number;
  message_id: number;
  rev: number;
  changed_rev: number;
  body_rev: number;
  nonce: string;
  author_id: number;
  body: string;
  created_at: number;
  deleted_at: number | null;
  thread_id: number | null;
  thread_seq: number | null;
  thread_count: number;
  thread_last_id: number | null;
  thread_last_seq: number | null;
  /** who has replied last, `ID,ID,ID` */
  thread_users: string | null;
  /** `EMOJI COUNT ID,...` joined by `;` */
  reactions: string | null;
}

interface ReactionRow {
  channel_id: number;
  message_id: number;
  emoji: string;
  user_id: number;
}

interface ChangeRow {
  channel_id: number;
  rev: number;
  kind: string;
  at: number;
  message_id: number | null;
  user_id: number | null;
  actor_id: number;
  data: string | null;
}

interface MemberRow {
  channel_id: number;
  user_id: number;
  joined_rev: number;
  joined_at: number;
  left_rev: number | null;
}

/** One rev of a channel. */
interface Row {
  type: string;
  kind: string;
  at: number;
  message_id: number | null;
  user_id: number | null;
  actor_id: number | null;
  /** of a reaction: what the event must say */
  value?: string;
  /** of a reply that was sent or deleted: what it must say of the root */
  root?: string;
}

/** From the join to the removal, whose rev is the last that is seen. */
interface Membership {
  from: number;
  at: number;
  to: number;
}

interface Log {
  head: number;
  rows: Row[]; // rev 1 is the first
  messages: Map<number, MessageRow>;
}

export type Fault = (kind: string, text: string) => void;

const type_of = (kind: string): string => (['join', 'leave', 'kick', 'role'].includes(kind) ? 'member' : kind);
const uuid_of = (hex: string): string => hex.replace(/^\\x(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

export class Judge {
  private readonly fault: Fault;
  private readonly logs = new Map<number, Log>();
  private readonly by_nonce = new Map<string, MessageRow[]>();
  private readonly members = new Map<string, Membership[]>();
  private readonly history_joined = new Set<number>();
  /** channel, message, emoji and person */
  private readonly given = new Set<string>();
  /** its pods show reactions with messages: none of them is of a version that does not */
  shows_reactions = true;

  private constructor(fault: Fault) {
    this.fault = fault;
  }

  static async read(db: Database, fault: Fault): Promise<Judge> {
    const judge = new Judge(fault);
    const heads = await db.rows<{ channel_id: number; rev: number; history: number }>(
      'SELECT channel_id, rev, history FROM heads',
    );
    for (const { channel_id, rev, history } of heads) {
      judge.logs.set(channel_id, { head: rev, rows: [], messages: new Map() });
      if (history) judge.history_joined.add(channel_id);
    }
    const messages = await db.rows<MessageRow>(
      `SELECT channel_id, message_id, rev, changed_rev, body_rev, nonce, author_id, body, created_at, deleted_at, reactions, thread_id, thread_seq,
        thread_count, thread_last_id, (to_jsonb(m)->>'thread_last_seq')::bigint AS thread_last_seq, to_jsonb(m)->>'thread_users' AS thread_users FROM messages m`, // an older schema has not got all
    );
    const changes = await db.rows<ChangeRow>(
      'SELECT channel_id, rev, kind, at, message_id, user_id, actor_id, data FROM changes ORDER BY channel_id, rev',
    );
    for (const row of messages) judge.message(row);
    for (const row of changes) judge.change(row);
    judge.dense();
    judge.threads();
    judge.reactions(
      changes,
      await db.rows<ReactionRow>('SELECT channel_id, message_id, emoji, user_id FROM reactions'),
    );
    judge.memberships(
      changes,
      await db.rows<MemberRow>('SELECT channel_id, user_id, joined_rev, joined_at, left_rev FROM members'),
    );
    return judge;
  }

  head(channel_id: number): number {
    return this.logs.get(channel_id)?.head ?? 0;
  }

  private message(row: MessageRow): void {
    const log = this.logs.get(row.channel_id) as Log;
    row.nonce = uuid_of(row.nonce);
    const { rev, created_at: at, message_id, author_id: actor_id } = row;
    this.put(row.channel_id, rev, { type: 'message', kind: 'message', at, message_id, user_id: null, actor_id });
    log.messages.set(message_id, row);
    const key = `${row.author_id} ${row.channel_id} ${row.nonce}`;
    this.by_nonce.set(key, [...(this.by_nonce.get(key) ?? []), row]);
  }

  private change({ channel_id, rev, kind, at, message_id, user_id, actor_id }: ChangeRow): void {
    this.put(channel_id, rev, { type: type_of(kind), kind, at, message_id, user_id, actor_id });
  }

  /** Counted anew from who did what when: the values of the log, the rows, and what the message shows must be those. */
  private reactions(changes: ChangeRow[], rows: ReactionRow[]): void {
    const given = new Map<string, Set<number>>();
    for (const row of changes) {
      if (row.kind !== 'reaction') continue;
      const data = JSON.parse(`{${row.data ?? ''}}`) as {
        emoji: string;
        count: number;
        user_ids: number[];
        given: boolean;
      };
      const key = `${row.channel_id} ${row.message_id} ${data.emoji}`;
      const who = given.get(key) ?? new Set();
      given.set(key, who);
      const moved = data.given ? !who.has(row.actor_id) && who.add(row.actor_id) : who.delete(row.actor_id);
      if (!moved || data.count !== who.size || !data.user_ids.every((id) => who.has(id)))
        this.fault('log', `rev ${row.rev} of channel ${row.channel_id} says ${row.data}; given by ${[...who]}`);
      const at = this.logs.get(row.channel_id)?.rows[row.rev - 1];
      if (at) at.value = reactionText(data);
    }
    for (const row of rows) this.given.add(`${row.channel_id} ${row.message_id} ${row.emoji} ${row.user_id}`);
    const counted = [...given].flatMap(([key, who]) => [...who].map((id) => `${key} ${id}`));
    for (const one of counted)
      if (!this.given.has(one) && !this.gone(one))
        this.fault('lost', `a reaction in the log, and not in its table: ${one}`);
    for (const one of this.given) {
      const [channel_id, message_id, emoji, id] = one.split(' ');
      if (!given.get(`${channel_id} ${message_id} ${emoji}`)?.has(Number(id)))
        this.fault('forged', `nobody gave ${one}`);
    }
    for (const [channel_id, log] of this.logs)
      for (const row of log.messages.values()) {
        if (row.deleted_at !== null) continue;
        for (const part of (row.reactions ?? '').split(';').filter(Boolean)) {
          const [emoji, count] = part.split(' ');
          if (given.get(`${channel_id} ${row.message_id} ${emoji}`)?.size !== Number(count))
            this.fault('log', `message ${row.message_id} of channel ${channel_id} shows ${row.reactions}`);
        }
      }
  }

  /** Counted anew from the log: the numbers of replies, what their events must say, and what the roots show. */
  private threads(): void {
    for (const [channel_id, log] of this.logs) {
      const threads = new Map<number, MessageRow[]>();
      const gone = new Set<number>();
      for (const row of log.rows) {
        const message = row?.message_id ? log.messages.get(row.message_id) : undefined;
        if (!row || !message?.thread_id || !['message', 'delete'].includes(row.kind)) continue;
        const replies = threads.get(message.thread_id) ?? [];
        threads.set(message.thread_id, replies);
        if (row.kind === 'delete') gone.add(message.message_id);
        else if (replies.push(message) !== message.thread_seq)
          this.fault('log', `message ${message.message_id} of channel ${channel_id} is reply ${message.thread_seq}`);
        const shown = shownThread(replies, gone);
        row.root = `${message.thread_id} ${shown}`;
      }
      for (const message of log.messages.values()) {
        const shown = shownThread(threads.get(message.message_id) ?? [], gone);
        if (threadOf(message) !== shown)
          this.fault(
            'log',
            `message ${message.message_id} of channel ${channel_id} shows ${threadOf(message)}, not ${shown}`,
          );
      }
    }
  }

  /** Of a deleted message. */
  private gone(one: string): boolean {
    const [channel_id, message_id] = one.split(' ').map(Number) as [number, number];
    const row = this.logs.get(channel_id)?.messages.get(message_id);
    return !row || row.deleted_at !== null;
  }

  private put(channel_id: number, rev: number, row: Row): void {
    const rows = (this.logs.get(channel_id) as Log).rows;
    if (rows[rev - 1]) this.fault('log', `rev ${rev} of channel ${channel_id} is in two rows`);
    rows[rev - 1] = row;
  }

  private dense(): void {
    for (const [id, { head, rows }] of this.logs) {
      if (rows.length !== head)
        this.fault('log', `channel ${id} has its head at ${head} and rows up to ${rows.length}`);
      for (let i = 0; i < rows.length; i++) if (!rows[i]) this.fault('log', `channel ${id} has no rev ${i + 1}`);
    }
  }

  private memberships(changes: ChangeRow[], rows: MemberRow[]): void {
    const of = (channel_id: number, user_id: number): Membership[] => {
      const key = `${channel_id} ${user_id}`;
      let list = this.members.get(key);
      if (!list) this.members.set(key, (list = []));
      return list;
    };
    // Who was in it from the start has no join.
    for (const { channel_id, user_id, joined_rev, joined_at } of rows)
      if (this.logs.get(channel_id)?.rows[joined_rev - 1]?.kind !== 'join')
        of(channel_id, user_id).push({ from: joined_rev, at: joined_at, to: Number.POSITIVE_INFINITY });
    for (const { channel_id, rev, kind, user_id, at } of changes) {
      if (!user_id) continue;
      const list = of(channel_id, user_id);
      if (kind === 'join') list.push({ from: rev, at, to: Number.POSITIVE_INFINITY });
      const last = list.at(-1);
      if ((kind === 'kick' || kind === 'leave') && last) last.to = rev;
    }
  }

  // ---- the senders

  sent(all: Sent[]): void {
    const known = new Map(all.map((one) => [`${one.author_id} ${one.channel_id} ${one.nonce}`, one]));
    this.bodies(all);
    for (const [key, rows] of this.by_nonce) {
      if (!known.has(key)) this.fault('forged', `nobody sent ${JSON.stringify(rows[0])}`);
      if (rows.length > 1) this.fault('double', `${rows.length} times in the database: ${JSON.stringify(rows)}`);
    }
    for (const [key, one] of known) this.one(one, this.by_nonce.get(key)?.[0]);
  }

  /** No two are alike, whatever nonce they came under. */
  private bodies(all: Sent[]): void {
    const sent = new Set(all.map((one) => `${one.author_id} ${one.channel_id} ${one.body}`));
    const found = new Set<string>();
    for (const [channel_id, log] of this.logs)
      for (const row of log.messages.values()) {
        const key = `${row.author_id} ${channel_id} ${row.body}`;
        if (found.has(key) && sent.has(key)) this.fault('double', `twice in the database: ${JSON.stringify(row)}`);
        found.add(key);
      }
  }

  private one(one: Sent, row: MessageRow | undefined): void {
    const what = `${one.nonce} of ${one.author_id} in channel ${one.channel_id}`;
    if (one.message && !row) return this.fault('lost', `acknowledged, and not in the database: ${what}`);
    if (one.message && row) {
      const { message_id, rev } = one.message;
      // To one who is no member any more only ids are answered.
      if (message_id !== row.message_id || (rev !== undefined && rev !== row.rev))
        this.fault(
          'lost',
          `acknowledged as ${message_id} at ${rev}, in the database ${row.message_id} at ${row.rev}: ${what}`,
        );
    }
    if (one.refused && row && one.lost === 0)
      this.fault('refused', `refused with ${one.refused}, and in the database: ${what}`);
  }

  /** Bodies as sent, or as edited last; tombstones where a deletion was acknowledged. */
  deeds(all: Deed[], sent: Sent[]): void {
    const edits = new Map<string, Deed[]>();
    const deleted = new Set<string>();
    for (const deed of all) {
      const key = `${deed.channel_id} ${deed.message_id}`;
      if (deed.kind === 'edit') edits.set(key, [...(edits.get(key) ?? []), deed]);
      if (deed.kind === 'delete') deleted.add(key);
      if (deed.done) this.deed(deed);
    }
    for (const one of sent) {
      if (!one.message) continue;
      const row = this.logs.get(one.channel_id)?.messages.get(one.message.message_id);
      const key = `${one.channel_id} ${one.message.message_id}`;
      if (!row) continue;
      if (row.deleted_at !== null) {
        if (!deleted.has(key)) this.fault('lost', `nobody deleted message ${key}`);
        continue;
      }
      const tries = edits.get(key) ?? [];
      const last = Math.max(0, ...tries.map((d) => d.message?.body_rev ?? 0));
      const may = tries.filter((d) => !d.done || d.message?.body_rev === last).map((d) => d.body);
      if (last === 0) may.push(one.body);
      if (!may.includes(row.body))
        this.fault(
          'lost',
          `message ${key} says ${row.body.slice(0, 60)}, not ${may.map((b) => b?.slice(0, 60)).join(' or ')}`,
        );
    }
  }

  /** The last that was acknowledged holds; unless another was tried after it whose outcome is not known. */
  reacted(all: Deed[]): void {
    const last = new Map<string, Deed>();
    for (const deed of all)
      if (deed.kind === 'react') last.set(`${deed.channel_id} ${deed.message_id} ${deed.emoji} ${deed.user_id}`, deed);
    for (const [key, deed] of last)
      if (deed.done && !this.gone(key) && this.given.has(key) !== deed.given)
        this.fault('lost', `acknowledged as ${deed.given ? 'given' : 'taken back'}, and is not: ${key}`);
  }

  private deed(deed: Deed): void {
    const log = this.logs.get(deed.channel_id);
    const what = `${deed.kind} in channel ${deed.channel_id} of ${deed.message_id ?? deed.user_id}`;
    const row = deed.message_id ? log?.messages.get(deed.message_id) : undefined;
    if (deed.kind === 'edit' && deed.message) {
      const { body_rev } = deed.message;
      const at = log?.rows[body_rev - 1];
      if (at?.kind !== 'edit' || at.message_id !== deed.message_id)
        this.fault('lost', `acknowledged at ${body_rev}: ${what}`);
    }
    if (deed.kind === 'delete' && row?.deleted_at === null) this.fault('lost', `acknowledged: ${what}`);
    if (
      ['kick', 'ban'].includes(deed.kind) &&
      !log?.rows.some((r) => r.kind === deed.kind && r.user_id === deed.user_id)
    )
      this.fault('lost', `acknowledged: ${what}`);
    if (['barred', 'hushed'].includes(deed.kind)) this.fault('allowed', `acknowledged, and may not be: ${what}`);
  }

  // ---- the readers

  stream(stream: Stream): void {
    const log = this.logs.get(stream.channel_id);
    if (!log) return this.fault('forged', `channel ${stream.channel_id} does not exist`);
    for (const segment of stream.segments)
      segment.events.forEach((event, i) => {
        this.event(stream, event, log.rows[event.rev - 1]);
        this.right(stream, event, segment.times[i] as number);
      });
    if (stream.ended) return;
    if (stream.rev !== log.head)
      this.fault(
        'behind',
        `person ${stream.user_id} is at ${stream.rev} of ${log.head} in channel ${stream.channel_id}`,
      );
    this.state(stream, log);
  }

  private event(stream: Stream, event: Event, row: Row | undefined): void {
    const kind = event.change ?? event.type;
    const same =
      row &&
      row.kind === kind &&
      row.at === Date.parse(event.at) &&
      (event.message_id ?? null) === row.message_id &&
      (event.user_id ?? null) === row.user_id;
    const said = event.type === 'reaction' ? reactionText(event) : undefined;
    const root = event.root && `${event.root.message_id} ${threadText(event.root.thread ?? undefined)}`;
    if (!same || said !== row.value || root !== row.root)
      this.fault(
        'forged',
        `rev ${event.rev} of channel ${stream.channel_id} was ${JSON.stringify(event)} for person ${stream.user_id}, the database has ${JSON.stringify(row)}`,
      );
    const message = event.message;
    if (message && message.changed_rev < event.rev)
      this.fault('forged', `rev ${event.rev} of channel ${stream.channel_id} brought an older message`);
  }

  /** Within a membership; or, under full history, after it began anew. */
  private right(stream: Stream, event: Event, time: number): void {
    if (stream.channel_id === 0) return;
    const list = this.members.get(`${stream.channel_id} ${stream.user_id}`) ?? [];
    if (list.some((m) => event.rev >= m.from && event.rev <= m.to)) return;
    const next = list.find((m) => m.from > event.rev);
    if (next && time >= next.at && !this.history_joined.has(stream.channel_id)) return;
    this.fault(
      'leak',
      `person ${stream.user_id} got rev ${event.rev} of channel ${stream.channel_id}, a member in ${JSON.stringify(list)}`,
    );
  }

  /** One's own reactions to what one holds. */
  private own(stream: Stream, log: Log): void {
    for (const [key, { given }] of stream.own) {
      const [message_id, emoji] = key.split(' ') as [string, string];
      const held = stream.messages.has(Number(message_id)) && log.messages.get(Number(message_id))?.deleted_at === null;
      const is = this.given.has(`${stream.channel_id} ${message_id} ${emoji} ${stream.user_id}`);
      if (held && is !== given)
        this.fault(
          'stale',
          `person ${stream.user_id} has ${given ? '' : 'not '}given ${key} in channel ${stream.channel_id}`,
        );
    }
  }

  /** What the client holds is what the database holds, and nothing between is missing. */
  private state(stream: Stream, log: Log): void {
    const segment = stream.last;
    for (const message of stream.messages.values()) {
      const row = log.messages.get(message.message_id);
      if (!row || !same(message, row) || (this.shows_reactions && shownOf(message) !== shownOf(row)))
        this.fault(
          'stale',
          `person ${stream.user_id} has message ${message.message_id} of channel ${stream.channel_id} as ${JSON.stringify(message)}, the database as ${JSON.stringify(row)}`,
        );
    }
    if (this.shows_reactions) this.own(stream, log);
    for (const row of log.messages.values())
      if (
        (row.rev > segment.after || row.message_id >= (stream.page_from ?? Number.POSITIVE_INFINITY)) &&
        !stream.messages.has(row.message_id)
      )
        this.fault(
          'lost',
          `person ${stream.user_id} never got message ${row.message_id} of channel ${stream.channel_id}`,
        );
  }
}

/** A tombstone shows none, whatever stands there. */
function shownOf(m: Message | MessageRow): string {
  if (m.deleted_at) return '';
  if (typeof m.reactions === 'string' || m.reactions === null) return m.reactions ?? '';
  return m.reactions.map((r) => `${r.emoji} ${r.count} ${r.user_ids.join(',')}`).join(';');
}

function shownThread(replies: MessageRow[], gone: Set<number>): string {
  const left = replies.filter((m) => !gone.has(m.message_id));
  const last = left.at(-1);
  if (!last) return '';
  const user_ids = [...new Set(left.map((m) => m.author_id).reverse())].slice(0, 3);
  return threadText({ count: left.length, last_id: last.message_id, last_seq: replies.length, user_ids });
}

const threadText = (t?: { count: number; last_id: number; last_seq: number; user_ids: number[] }): string =>
  t ? `${t.count} ${t.last_id} ${t.last_seq} ${t.user_ids.join(',')}` : '';

function threadOf(row: MessageRow): string {
  if (row.thread_id || !row.thread_count) return '';
  return `${row.thread_count} ${row.thread_last_id} ${row.thread_last_seq} ${row.thread_users}`;
}

type Value = { emoji?: string; count?: number; user_ids?: number[]; given?: boolean };
const reactionText = (v: Value): string => `${v.emoji} ${v.count} ${v.user_ids?.join(',')} ${v.given}`;

function same(m: Message, row: MessageRow): boolean {
  return (
    m.rev === row.rev &&
    m.changed_rev === row.changed_rev &&
    m.body_rev === row.body_rev &&
    m.nonce === row.nonce &&
    m.author_id === row.author_id &&
    m.body === row.body &&
    (m.deleted_at === undefined) === (row.deleted_at === null) &&
    (m.thread_id ?? null) === row.thread_id &&
    threadText(m.thread) === threadOf(row)
  );
}
