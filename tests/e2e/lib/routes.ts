// The rows of src/edge/routes.def that the contract describes, so that a test can walk every route there is.
import { readFileSync } from 'node:fs';

export interface Route {
  id: string;
  method: string;
  path: string;
  auth: 'none' | 'session';
  scope: string;
  body: 'none' | 'json' | 'json_may' | 'form';
  bare: boolean;
}

const source = readFileSync(new URL('../../../src/edge/routes.def', import.meta.url), 'utf8');
const row = /^(R\w*)\(\s*(\w+),\s*"([^"]+)",\s*(\w+),\s*(\w+),\s*(\w+),\s*\w+,\s*(\w+)/gm;

export const routes: Route[] = [...source.matchAll(row)].map((m) => ({
  id: m[4] ?? '',
  method: m[2] ?? '',
  path: m[3] ?? '',
  auth: m[5] as Route['auth'],
  scope: m[6] ?? '',
  body: m[7] as Route['body'],
  bare: m[1] === 'R_BARE',
}));
