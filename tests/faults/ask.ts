// One request, and what came of it: an answer, a refusal that is final or not, or nothing from which one could tell.
export interface Ask {
  method: string;
  path: string;
  body?: unknown;
}

export type Outcome = { body: unknown } | { refused: string; final: boolean } | 'lost' | 'unsent';

const patience_ms = 15_000;

/** What the ingress says by itself, and 503 `internal` (a commit whose outcome is not known), are no answers. */
export async function ask(origin: string, token: string, what: Ask): Promise<Outcome> {
  const headers: { [name: string]: string } = { authorization: `Bearer ${token}` };
  if (what.body !== undefined) headers['content-type'] = 'application/json';
  const body = what.body === undefined ? null : JSON.stringify(what.body);
  try {
    const signal = AbortSignal.timeout(patience_ms);
    const answer = await fetch(`${origin}/api${what.path}`, { method: what.method, headers, body, signal });
    const text = await answer.text();
    if (answer.ok) return { body: text ? JSON.parse(text) : undefined };
    if (!answer.headers.get('content-type')?.includes('problem+json')) return 'lost';
    const { code } = JSON.parse(text) as { code: string };
    if (code === 'internal') return 'lost';
    return { refused: code, final: answer.status < 500 && answer.status !== 429 };
  } catch {
    return 'lost';
  }
}
