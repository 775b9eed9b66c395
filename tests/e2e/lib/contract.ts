// api/openapi.yaml as the judge of every answer and frame. Stricter than the document reads: an answer's object may have no
// members but those that it names, so that the document never falls behind the server.
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parse } from 'yaml';

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null;
type Tree = { [key: string]: Json };

interface Operation {
  method: string;
  path: string;
  scope?: string;
  query: string[]; // names
  responses: Tree;
}

export const document = parse(readFileSync(new URL('../../../api/openapi.yaml', import.meta.url), 'utf8')) as Tree;

// Faults of the framing may be answered on any path; they are in the document as `default`.
const faults = new Set([400, 405, 408, 411, 413, 414, 417, 431, 501, 505]);

function isTree(v: Json | undefined): v is Tree {
  return typeof v === 'object' && v !== null && !Array.isArray(v);
}

function strict(v: Json): Json {
  if (Array.isArray(v)) return v.map(strict);
  if (!isTree(v)) return v;
  const out: Tree = {};
  for (const [key, value] of Object.entries(v))
    if (key === '$ref') out[key] = String(value).replace('#/components/schemas/', 'linnet#/$defs/');
    else if (key !== 'discriminator') out[key] = strict(value); // which is for generators
  const closed = out.allOf ? 'unevaluatedProperties' : 'additionalProperties';
  if (isTree(out.properties) && out[closed] === undefined) out[closed] = false;
  return out;
}

/** A part of the document. */
export function at(path: string): Json | undefined {
  let here: Json | undefined = document;
  for (const key of path.replace(/^#\//, '').split('/')) here = isTree(here) ? here[key] : undefined;
  return here;
}

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, strictRequired: false });
formats.default(ajv);
const schemas = strict(at('#/components/schemas') ?? {}) as Tree;
delete (schemas.EventCommon as Tree).additionalProperties; // a part of others
ajv.addSchema({ $id: 'linnet', $defs: schemas });

const compiled = new Map<string, ValidateFunction>();
function validator(schema: Json): ValidateFunction {
  const key = JSON.stringify(schema);
  let found = compiled.get(key);
  if (!found) {
    found = ajv.compile(strict(schema) as object);
    compiled.set(key, found);
  }
  return found;
}

function check(schema: Json, value: unknown, what: string): void {
  const validate = validator(schema);
  if (validate(value)) return;
  const why = (validate.errors ?? []).map((e) => `${e.instancePath || '/'} ${e.message} ${JSON.stringify(e.params)}`);
  throw new Error(`${what} is not as the contract says:\n  ${why.join('\n  ')}\n${JSON.stringify(value, null, 1)}`);
}

/** Of an operation, those of a reference too. */
function queryNames(v: Json | undefined): string[] {
  const all = Array.isArray(v) ? v.map((p) => (isTree(p) && typeof p.$ref === 'string' ? at(p.$ref) : p)) : [];
  return all.filter(isTree).flatMap((p) => (p.in === 'query' && typeof p.name === 'string' ? [p.name] : []));
}

const operations = new Map<string, Operation>();
for (const [path, row] of Object.entries(isTree(document.paths) ? document.paths : {}))
  for (const [method, operation] of Object.entries(isTree(row) ? row : {}))
    if (isTree(operation) && typeof operation.operationId === 'string' && isTree(operation.responses))
      operations.set(operation.operationId, {
        method: method.toUpperCase(),
        path,
        query: queryNames(operation.parameters),
        ...(typeof operation['x-scope'] === 'string' ? { scope: operation['x-scope'] } : {}),
        responses: operation.responses,
      });

export function operation(id: string): Operation {
  const found = operations.get(id);
  if (!found) throw new Error(`api/openapi.yaml has no operation ${id}`);
  return found;
}

export function operationIds(): string[] {
  return [...operations.keys()];
}

/** One of the document's schemas, by name. */
export function checkSchema(name: string, value: unknown): void {
  check({ $ref: `#/components/schemas/${name}` }, value, name);
}

/** The status must be one that the operation lists, its content of that type and shape. */
export function checkAnswer(id: string, status: number, type: string | null, text: string): void {
  const what = `${id} ${status}`;
  const { responses } = operation(id);
  let response = responses[String(status)] ?? (faults.has(status) ? responses.default : undefined);
  if (isTree(response) && typeof response.$ref === 'string') response = at(response.$ref);
  if (!isTree(response)) throw new Error(`${what} is no answer that the contract lists: ${text}`);
  if (!isTree(response.content)) {
    if (text !== '') throw new Error(`${what} should have no body: ${text}`);
    return;
  }
  const bare = type?.split(';')[0]?.trim() ?? '';
  const content = response.content[bare];
  if (!isTree(content) || content.schema === undefined) throw new Error(`${what} has the content type ${type}`);
  check(content.schema, bare.endsWith('json') ? JSON.parse(text) : text, what);
  if (bare === 'application/problem+json' && JSON.parse(text).status !== status)
    throw new Error(`${what} says another status in its body: ${text}`);
}

/** A frame of the WebSocket, by its `op`. */
export function checkFrame(frame: { op: string }): void {
  const names: { [op: string]: string } = {
    ready: 'session_id' in frame ? 'FrameReady' : 'FrameReadyMore',
    event: 'Event',
    ack: 'FrameAck',
    error: 'FrameError',
    synced: 'FrameSynced',
    reset: 'FrameReset',
    channel: 'FrameChannel',
    channel_gone: 'FrameChannelGone',
    read: 'FrameRead',
    me: 'FrameMe',
    setting: 'FrameSetting',
    thread: 'FrameThread',
    invite: 'FrameInvite',
    typing: 'FrameTyping',
    members: 'FrameMembers',
    presence: 'FramePresence',
    drain: 'FrameDrain',
    pong: 'FramePong',
  };
  const name = names[frame.op];
  if (!name) throw new Error(`an op that the contract does not know: ${JSON.stringify(frame)}`);
  checkSchema(name, frame);
}
