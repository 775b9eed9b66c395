import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';

test('the test build is there', () => {
  expect(existsSync(new URL('../../build-asan/linnet', import.meta.url))).toBe(true);
});
