// Clients that send without end, each in its channels one message at a time, each message until it is answered; and what
// they remember of it.
import { randomUUID } from 'node:crypto';
import { type Api, NoAnswer, type Person } from './api.ts';
import type { Device } from './device.ts';
import { moment, Signal } from './signal.ts';
import type { Target } from './target.ts';
import type { Message, Problem } from './types.ts';

export interface Sent {
  channel_id: number;
  author_id: number;
  /** counts the author's messages in this channel; the body says it */
  n: number;
  nonce: string;
  /** as it was acknowledged */
  message?: Message;
}

/** lost: without an answer; over: there is no server any more */
export type Outcome = { message: Message } | { refused: Problem } | 'lost' | 'over';

export interface Sender {
  author_id: number;
  send(channel_id: number, nonce: string, body: string): Promise<Outcome>;
  /** Of the history that it now writes to, where the client knows it. */
  epoch?(): Promise<string | undefined>;
}

const backoff_ms = 60;

export class HttpSender implements Sender {
  readonly author_id: number;
  private readonly target: Target;
  private readonly token: string;

  constructor(target: Target, person: Person) {
    this.target = target;
    this.author_id = person.user.id;
    this.token = person.signed.access_token;
  }

  async send(id: number, nonce: string, body: string): Promise<Outcome> {
    const server = await this.target.get();
    if (!server) return 'over';
    const api: Api = server.api();
    api.bearer = this.token;
    try {
      const answer = await api.call('message_create', { path: { id }, body: { nonce, body } });
      if (answer.status === 200 || answer.status === 201) return { message: answer.body as Message };
      const refused = answer.body as Problem;
      if (answer.status !== 503) throw new Error(`refused: ${answer.text}`);
      if (!/^[1-9]\d*$/.test(answer.headers.get('retry-after') ?? '')) throw new Error('503 without Retry-After');
      return { refused };
    } catch (e) {
      if (e instanceof NoAnswer) return 'lost';
      throw e;
    }
  }
}

export class SocketSender implements Sender {
  readonly author_id: number;
  private readonly device: Device;

  constructor(device: Device) {
    this.device = device;
    this.author_id = device.person.user.id;
  }

  epoch(): Promise<string | undefined> {
    return this.device.presentEpoch();
  }

  async send(channel_id: number, nonce: string, body: string): Promise<Outcome> {
    const answer = await this.device.request({ op: 'send', channel_id, nonce, body });
    if (typeof answer === 'string') return answer;
    if (answer.op === 'ack') return { message: answer.message as Message };
    if (!(Number(answer.retry_after) >= 1)) throw new Error(`refused: ${JSON.stringify(answer)}`);
    return { refused: answer as unknown as Problem };
  }
}

export class Load {
  readonly sent: Sent[] = [];
  acknowledged = 0;
  /** how often each code was answered by 503 */
  readonly refused = new Map<string, number>();
  lost = 0;
  /** acknowledged in one history, not there in the next, and sent again */
  forgotten = 0;
  private readonly progress = new Signal();
  private readonly loops: Promise<void>[] = [];
  private fault: unknown;
  private ending = false;
  private given_up = false;

  start(sender: Sender, channel_id: number): void {
    this.loops.push(
      this.run(sender, channel_id).catch((e: unknown) => {
        this.fault ??= e;
        this.ending = true;
        this.progress.raise();
      }),
    );
  }

  private async run(sender: Sender, channel_id: number): Promise<void> {
    const mine: Sent[] = [];
    let epoch = await sender.epoch?.();
    for (let n = 0; !this.ending; n++) {
      const one: Sent = { channel_id, author_id: sender.author_id, n, nonce: randomUUID() };
      this.sent.push(one);
      mine.push(one);
      for (let going = true; !one.message && going && !this.given_up;) {
        const now = await sender.epoch?.();
        if (now !== epoch) await this.sendAgain(sender, mine);
        epoch = now;
        going = await this.try(sender, one);
      }
    }
    const last = await sender.epoch?.(); // the last acknowledgement may have been the old history's
    if (last !== epoch) await this.sendAgain(sender, mine);
  }

  /** The database may have gone back: what it acknowledged is sent again by nonce, in the order that it had. */
  private async sendAgain(sender: Sender, mine: Sent[]): Promise<void> {
    for (const one of mine.filter((s) => s.message).sort((a, b) => (a.message?.rev ?? 0) - (b.message?.rev ?? 0))) {
      const before = one.message as Message;
      delete one.message;
      while (!one.message && !this.given_up && (await this.try(sender, one)));
      if (one.message && JSON.stringify(one.message) !== JSON.stringify(before)) this.forgotten++;
    }
  }

  private async try(sender: Sender, one: Sent): Promise<boolean> {
    const outcome = await sender.send(one.channel_id, one.nonce, `${one.author_id} ${one.n}`);
    if (outcome === 'over') return false;
    if (outcome === 'lost') this.lost++;
    else if ('message' in outcome) {
      one.message = outcome.message;
      this.acknowledged++;
    } else this.refused.set(outcome.refused.code, (this.refused.get(outcome.refused.code) ?? 0) + 1);
    this.progress.raise();
    if (!one.message) await moment(backoff_ms);
    return true;
  }

  private async when(enough: () => boolean): Promise<void> {
    await this.progress.until(() => this.fault !== undefined || enough());
    if (this.fault !== undefined) throw this.fault;
  }

  /** Waits for so many acknowledgements more. */
  async more(n: number): Promise<void> {
    const wanted = this.acknowledged + n;
    await this.when(() => this.acknowledged >= wanted);
  }

  /** Waits for so many refusals more. */
  async refusals(n: number): Promise<void> {
    const count = (): number => [...this.refused.values()].reduce((a, b) => a + b, 0);
    const wanted = count() + n;
    await this.when(() => count() >= wanted);
  }

  /** Begins no message any more, and waits until those under way are answered. */
  async finish(): Promise<void> {
    this.ending = true;
    await Promise.all(this.loops);
    if (this.fault !== undefined) throw this.fault;
  }

  /** From now on what is lost stays so. */
  giveUp(): void {
    this.ending = true;
    this.given_up = true;
  }
}
