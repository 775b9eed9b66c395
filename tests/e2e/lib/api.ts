// A client of the API that holds every answer against the contract.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { checkAnswer, operation } from './contract.ts';
import type { Channel, Message, Problem, SignedIn, User } from './types.ts';

export interface Ask {
  path?: { [name: string]: number | string };
  query?: { [name: string]: number | string | boolean };
  body?: unknown;
  form?: { [name: string]: string };
  headers?: { [name: string]: string };
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  body: unknown;
}

/** The connection was refused, or ended before the whole answer was there. */
export class NoAnswer extends Error {}

export const password = 'correct horse battery';

export class Api {
  bearer?: string;
  cookie?: string;
  readonly origin: string;
  private readonly prefix: string;
  private readonly lastWords: () => Promise<string>;

  constructor(origin: string, prefix: '' | '/api' = '', lastWords = async (): Promise<string> => '') {
    this.origin = origin;
    this.prefix = prefix;
    this.lastWords = lastWords;
  }

  private headers(ask: Ask): { [name: string]: string } {
    const out: { [name: string]: string } = {};
    if (this.bearer) out.authorization = `Bearer ${this.bearer}`;
    if (this.cookie) {
      out.cookie = this.cookie;
      out.origin = this.origin;
    }
    if (ask.body !== undefined) out['content-type'] = 'application/json';
    if (ask.form) out['content-type'] = 'application/x-www-form-urlencoded';
    return { ...out, ...ask.headers };
  }

  /** Any answer that the contract lists for this operation. */
  async call(id: string, ask: Ask = {}): Promise<Answer> {
    const { method, path } = operation(id);
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(ask.path?.[name] ?? '')));
    const url = new URL(this.origin + this.prefix + filled);
    for (const [name, value] of Object.entries(ask.query ?? {})) url.searchParams.set(name, String(value));
    const text = ask.form
      ? new URLSearchParams(ask.form).toString()
      : ask.body !== undefined
        ? JSON.stringify(ask.body)
        : null;
    const init = { method, headers: this.headers(ask), body: text, redirect: 'manual' as const };
    const get = async (): Promise<Answer> => {
      const response = await fetch(url, init);
      return { status: response.status, headers: response.headers, text: await response.text(), body: undefined };
    };
    const answer = await get().catch(async (e: Error) => {
      throw new NoAnswer(`${id}: no answer: ${String(e.cause ?? e)}\n${await this.lastWords()}`);
    });
    const type = answer.headers.get('content-type');
    checkAnswer(id, answer.status, type, answer.text);
    if (answer.text && type?.includes('json')) answer.body = JSON.parse(answer.text);
    return answer;
  }

  /** The body of an answer of this very status. */
  async ok<T = undefined>(id: string, ask: Ask = {}, status?: number): Promise<T> {
    const answer = await this.call(id, ask);
    if (status !== undefined) expect(answer.status, `${id}: ${answer.text}`).toBe(status);
    else expect(answer.status, `${id}: ${answer.text}`).toBeLessThan(300);
    return answer.body as T;
  }

  /** The problem of an answer that refuses with this status and code. */
  async refused(status: number, code: string, id: string, ask: Ask = {}): Promise<Problem> {
    const answer = await this.call(id, ask);
    const problem = answer.body as Problem;
    expect([answer.status, problem?.code], `${id}: ${answer.text}`).toEqual([status, code]);
    return problem;
  }

  async register(username: string, more: { [name: string]: unknown } = {}): Promise<SignedIn> {
    const body = { username, password, cookie: false, ...more };
    const signed = await this.ok<SignedIn>('auth_register', { body }, 201);
    this.bearer = signed.access_token;
    return signed;
  }

  async channel(name: string, more: { [name: string]: unknown } = {}): Promise<Channel> {
    return this.ok<Channel>('channel_create', { body: { name, ...more } }, 201);
  }

  async send(channel_id: number, body: string, more: { [name: string]: unknown } = {}): Promise<Message> {
    return this.ok<Message>(
      'message_create',
      { path: { id: channel_id }, body: { nonce: randomUUID(), body, ...more } },
      201,
    );
  }
}

/** A person with a client of their own. */
export interface Person {
  api: Api;
  user: User;
  signed: SignedIn;
}

export async function person(api: Api, username: string): Promise<Person> {
  const signed = await api.register(username);
  return { api, user: signed.user, signed };
}
