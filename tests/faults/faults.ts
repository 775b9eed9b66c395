// The checker: ./dev faults. Says its plan, attacks a cluster by it, and judges.
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { prove_all } from './proofs.ts';
import { latencyTable } from './latency.ts';
import { disturbs, kinds, kindsOf, plan, planText, type Step } from './plan.ts';
import { type Result, Run } from './run.ts';
import { upgrade } from './upgrade.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    seconds: { type: 'string', default: '600' },
    pods: { type: 'string', default: '4' },
    clients: { type: 'string', default: '200' },
    channels: { type: 'string', default: '40' },
    rate: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    off: { type: 'string', default: '' },
    alone: { type: 'boolean', default: false },
    proofs: { type: 'boolean', default: false },
    control: { type: 'boolean', default: false },
    upgrade: { type: 'boolean', default: false },
    old: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});

const drawable = Object.keys(kinds).filter((name) => !kinds[name]?.upgrade);

if (values.help) {
  console.log(`./dev faults [--seed N] [--seconds 600] [--pods 4 | --alone] [--clients 200] [--channels 40] [--rate 60]
             [--only FAULT,...] [--off MECHANISM,...]
./dev faults --proofs | --control [--only MECHANISM,...]
             each mechanism switched off must be found out; with all of them on, the same schedules must find nothing
./dev faults --upgrade [--seed N]
             pods of an earlier commit, with an older schema, are replaced by present ones under load
Faults: ${drawable.join(', ')}.
The exit status is 0 when everything held. A seed repeats the schedule and what people do, not the machine's moments.`);
  process.exit(0);
}

if (values.proofs || values.control) process.exit((await prove_all(values.only, values.control)) ? 0 : 1);

const seed = Number(values.seed);
if (values.upgrade) process.exit((await upgrade(values.old, seed)) ? 0 : 1);

const seconds = Number(values.seconds);
/** One pod, without Redis. */
const redis = !values.alone;
const pods = values.alone ? 1 : Number(values.pods);
const clients = Number(values.clients);

/** What must have happened at least once, or the run has shown nothing. */
function wanted(steps: Step[]): string[] {
  // A backend that dies meanwhile parks nobody.
  const stalls = steps.map(kindsOf).some((names) => names.includes('stall') && !names.some(disturbs));
  const parked = stalls ? ['parked', 'reattached'] : [];
  return [
    ...['acknowledged', 'replies', 'bans', 'refused_deeds', 'delivered', 'replayed', 'resets'],
    ...(redis ? ['healed'] : []),
    ...parked,
  ];
}

function report(result: Result, steps: Step[]): void {
  const { counts, latency, healing, windows, from, to, faults } = result;
  console.log(Object.entries(counts).map(([name, n]) => `${name} ${n}`).join(', ')); // prettier-ignore
  for (const line of latencyTable(latency.costs(windows, from, to))) console.log(line);
  const load = loadavg().map((n) => n.toFixed(1)).join(' '); // prettier-ignore
  console.log(
    `\nload of this machine ${load}, with ${cpus().length} processors; the checker itself came late by ${result.lag_p99.toFixed(0)} ms (p99)`,
  );
  for (const name of wanted(steps)) if (!counts[name]) faults.push({ kind: 'nothing', text: `${name} is zero` });
  if (healing && steps.some((step) => step.kind === 'redis_drop')) {
    console.log(
      `${healing.gaps} gaps were healed: p50 ${healing.p50} ms, p99 ${healing.p99} ms; without what the machine took for anything ${Math.max(0, healing.own_p99).toFixed(0)} ms`,
    );
    if (!healing.gaps) faults.push({ kind: 'nothing', text: 'no gap was measured' });
  }
  console.log(faults.length ? `\nFAILED: ${faults.map((f) => f.kind).join(', ')}` : '\nheld');
}

const names = drawable.filter((name) =>
  values.only ? values.only.split(',').includes(name) : redis || !kinds[name]?.needs_redis,
);
const steps = plan(seed, seconds, names, pods, clients);
console.log(
  `seed ${seed}: ${pods} pods, ${clients} clients, ${values.channels} channels, ${values.rate} a second, ${seconds} s`,
);
for (const line of planText(steps)) console.log(line);

const run = new Run({
  seed,
  seconds,
  pods,
  clients,
  channels: Number(values.channels),
  rate: Number(values.rate),
  redis,
  steps,
  cut_after: 0.01,
  kicks_per_second: 1,
  late: 0.15,
  env: values.off ? { LINNET_FAULTS: values.off } : {},
  say: (line) => console.log(line),
});
const result = await run.run();
report(result, steps);
process.exit(result.faults.length ? 1 : 0);
