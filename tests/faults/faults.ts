// The checker: ./dev faults. Says its plan, attacks a cluster by it, and judges.
import { parseArgs } from 'node:util';
import { prove_all } from './proofs.ts';
import { kinds, plan, planText } from './plan.ts';
import { type Result, Run } from './run.ts';

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
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`./dev faults [--seed N] [--seconds 600] [--pods 4 | --alone] [--clients 200] [--channels 40] [--rate 60]
             [--only FAULT,...] [--off MECHANISM,...]
./dev faults --proofs | --control [--only MECHANISM,...]
             each mechanism switched off must be found out; with all of them on, the same schedules must find nothing
Faults: ${Object.keys(kinds).join(', ')}.
The exit status is 0 when everything held. A seed repeats the schedule and what people do, not the machine's moments.`);
  process.exit(0);
}

if (values.proofs || values.control) process.exit((await prove_all(values.only, values.control)) ? 0 : 1);

const seed = Number(values.seed);
const seconds = Number(values.seconds);
/** One pod, without Redis. */
const redis = !values.alone;
const pods = values.alone ? 1 : Number(values.pods);
const clients = Number(values.clients);

/** What must have happened at least once, or the run has shown nothing. */
const wanted = ['acknowledged', 'delivered', ...(redis ? ['healed'] : []), 'replayed', 'resets'];

function report(result: Result): void {
  const { counts, latency, windows, from, to } = result;
  console.log(Object.entries(counts).map(([name, n]) => `${name} ${n}`).join(', ')); // prettier-ignore
  console.log('\nfault             seconds  deliveries   p50 ms   p99 ms  longest silence ms');
  for (const c of latency.costs(windows, from, to))
    console.log(
      `${c.name.padEnd(16)} ${c.seconds.toFixed(1).padStart(8)} ${String(c.delivered).padStart(11)} ${c.p50.toFixed(0).padStart(8)} ${c.p99.toFixed(0).padStart(8)} ${c.silence.toFixed(0).padStart(19)}`,
    );
  for (const name of wanted) if (!counts[name]) result.faults.push({ kind: 'nothing', text: `${name} is zero` });
  console.log(result.faults.length ? `\nFAILED: ${result.faults.map((f) => f.kind).join(', ')}` : '\nheld');
}

const names = Object.keys(kinds).filter((name) =>
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
report(result);
process.exit(result.faults.length ? 1 : 0);
