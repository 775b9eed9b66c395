// Counts test cases from what the runners left: `tally.mjs KIND ...` prints the faults on stderr and, as the last line of
// stdout, `PASSED FAILED`. What should have run and is not in the results is a failure; a skipped case is one unless
// tests/skips.txt names it: lines of `NAME: reason`.
import { existsSync, readFileSync } from 'node:fs';

const allowed = new Set();
if (existsSync('tests/skips.txt'))
  for (const line of readFileSync('tests/skips.txt', 'utf8').split('\n'))
    if (/^[^#\s].*: \S/.test(line)) allowed.add(line.slice(0, line.indexOf(': ')));

let passed = 0;
let failed = 0;

function fail(name, text = '') {
  failed++;
  console.error(`FAILED ${name}`);
  if (text) console.error(text.trimEnd().replace(/^/gm, '    '));
}

function skip(name) {
  if (!allowed.has(name)) fail(name, 'skipped, and tests/skips.txt gives no reason');
}

// One program of cmocka: what it said it would run must have been reported as passed, one by one.
function cmocka(name, test) {
  const text = `${test.stdout ?? ''}\n${test.stderr ?? ''}`;
  const tail = text.split('\n').slice(-80).join('\n');
  const announced = [...text.matchAll(/^\[=+\] .*?[Rr]unning (\d+) test/gm)].reduce((n, m) => n + Number(m[1]), 0);
  const count = (re) => new Set([...text.matchAll(re)].map((m) => m[1])).size;
  if (announced === 0) {
    if (test.result === 'OK') passed++;
    else fail(name, `${test.result}\n${tail}`);
    return;
  }
  const ok = [...text.matchAll(/^\[ +OK +\] (\S+)/gm)].length;
  const skipped = new Set([...text.matchAll(/^\[ +SKIPPED +\] (\w+)$/gm)].map((m) => m[1]));
  for (const one of skipped) skip(`${name} ${one}`);
  const bad = count(/^\[ +(?:FAILED|ERROR) +\] (\w+)$/gm);
  const lost = announced - ok - skipped.size;
  passed += ok;
  if (lost > 0 || bad > 0 || test.result !== 'OK') {
    failed += Math.max(lost, bad, 1) - 1;
    fail(name, `${test.result}: ${ok} of ${announced} passed\n${tail}`);
  }
}

function meson(log, list) {
  const results = new Map();
  if (existsSync(log))
    for (const line of readFileSync(log, 'utf8').split('\n'))
      if (line) {
        const test = JSON.parse(line);
        results.set(test.name.replace(/^.* \/ /, ''), test);
      }
  for (const line of list.split('\n')) {
    const name = line.replace(/^[^:]*:/, '');
    const test = results.get(name);
    if (!test) fail(name, 'did not run');
    else cmocka(name, test);
  }
}

function tap(rc, text) {
  let seen = 0;
  let plan = -1;
  const before = failed;
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    const m = /^(not )?ok\b(?: \d+)?(?: - )?(.*)$/.exec(line);
    if (/^1\.\.\d+$/.test(line)) plan = Number(line.slice(3));
    if (!m) return;
    seen++;
    const notes = [];
    while (lines[i + 1 + notes.length]?.startsWith('#')) notes.push(lines[i + 1 + notes.length]);
    const [name, skipped] = m[2].split(' # SKIP');
    if (m[1]) fail(name, notes.join('\n'));
    else if (skipped !== undefined) skip(name);
    else passed++;
  });
  if (plan !== seen) fail('plan', `${seen} of ${plan} reported`);
  else if (rc !== '0' && failed === before) fail('exit status', rc);
}

function vitest(out, files) {
  const ran = new Set();
  if (existsSync(out)) {
    const report = JSON.parse(readFileSync(out, 'utf8'));
    for (const file of report.testResults) {
      const name = file.name.replace(/^.*\/tests\/e2e\//, '');
      ran.add(name);
      if (file.assertionResults.length === 0) fail(name, file.message || 'holds no test');
      else if (file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed'))
        fail(name, file.message);
      for (const test of file.assertionResults) {
        if (test.status === 'passed') passed++;
        else if (test.status === 'failed') fail(`${name} ${test.fullName}`, test.failureMessages.join('\n'));
        else skip(`${name} ${test.fullName}`);
      }
    }
    if (!report.success && failed === 0) fail('vitest', 'reports a failure outside of its tests');
  }
  for (const name of files.split('\n')) if (!ran.has(name)) fail(name, 'did not run');
}

if (process.argv[2] === 'list') {
  for (const test of JSON.parse(readFileSync(0, 'utf8')))
    console.log(`${(test.suite[0] ?? '').replace(/^.*:/, '')}:${test.name}`);
  process.exit();
}
const kinds = { meson, tap, vitest };
kinds[process.argv[2]](...process.argv.slice(3));
console.log(`${passed} ${failed}`);
