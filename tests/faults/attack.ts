// Carries out one step of the plan; returns when what was broken is whole again.
import { linnet } from '../e2e/lib/process.ts';
import type { Crowd } from './crowd.ts';
import type { Step } from './plan.ts';
import type { Rig } from './rig.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** of deliveries by Pub/Sub */
const drop = 0.1;
/** more revs than LINNET_REPLAY_CHANNEL, as the rig sets it */
const reset_after = 32;
const away_most_ms = 60_000; // where the machine is slow
const stall_most_ms = 45_000;
const parked = 'linnet_hub_parked_total';
/** more revs than LINNET_REPLAY_CHANNEL, too */
const shouts_more = 3;

type Do = (rig: Rig, crowd: Crowd, step: Step) => Promise<void>;

const picked = (crowd: Crowd, step: Step) =>
  step.clients.map((i) => crowd.clients[i % crowd.clients.length]).filter((c) => c !== undefined);

async function replace(rig: Rig, step: Step, binary: string): Promise<void> {
  const pod = rig.pods[step.pods[0] as number];
  if (!pod) return;
  await pod.drain();
  pod.binary = binary;
  await pod.start();
}

const attacks: { [kind: string]: Do } = {
  async cut(_, crowd, step) {
    for (const client of picked(crowd, step)) client.cut();
  },
  /** Until enough was said for a reset, if need be for longer. */
  async away(_, crowd, step) {
    const gone = [...new Set([...picked(crowd, step), ...crowd.busiest(3)])];
    const until = crowd.busiest_rev() + reset_after;
    const from = Date.now();
    for (const client of gone) client.leave();
    while (Date.now() - from < step.for_ms || (crowd.busiest_rev() < until && Date.now() - from < away_most_ms))
      await pause(50);
    for (const client of gone) client.comeBack();
  },
  /**
   * Some stop to read; those in the loud room until their pods have parked them, which is for as long as the kernels take what is
   * said, and then some more, so that they cannot go on where they were.
   */
  async stall(rig, crowd, step) {
    const { readers, talkers } = crowd.loud;
    const from = Date.now();
    const late = (): boolean => Date.now() - from > stall_most_ms;
    const hellos = readers.map((client) => client.stats.hellos);
    for (const client of readers) client.cut(); // a connection that has read much has grown in the kernel
    while (!readers.every((client, i) => client.ready && client.stats.hellos > (hellos[i] as number)) && !late())
      await pause(20);
    const before = rig.count(parked);
    // Who waits for answers must read them.
    const others = picked(crowd, step).filter((client) => !talkers.includes(client));
    const slow = [...others, ...readers].filter((client) => client.stall());
    const stalled = readers.filter((client) => client.absent).length;
    for (let more = 0; more < shouts_more && !late(); await rig.scrape()) {
      await Promise.race([crowd.shout(), pause(stall_most_ms)]);
      if (rig.count(parked) >= before + stalled) more++;
    }
    await pause(Math.max(0, from + step.for_ms - Date.now()));
    for (const client of slow) client.resume();
  },
  async pod_kill(rig, _, step) {
    const pod = rig.pods[step.pods[0] as number];
    await pod?.kill();
    await pause(step.for_ms);
    await pod?.start();
  },
  async pods_drain(rig, _, step) {
    for (const i of step.pods) {
      await rig.pods[i]?.drain();
      await rig.pods[i]?.start();
    }
  },
  /** A pod more, of the present version: it brings the schema up to date while the others serve. */
  async pod_joins(rig, _, step) {
    const pod = rig.pods[step.pods[0] as number];
    if (!pod) return;
    pod.binary = linnet;
    await pod.start();
    await rig.scrape();
    rig.delivered_before = rig.count('linnet_hub_delivered_total', rig.binary);
  },
  async pod_upgrade(rig, _, step) {
    await replace(rig, step, linnet);
  },
  /** The version before, on the schema as it is by now. */
  async pod_rollback(rig, _, step) {
    await replace(rig, step, rig.binary);
  },
  async postgres_kill(rig, _, step) {
    await rig.database.kill();
    await pause(step.for_ms);
    await rig.database.again();
  },
  async postgres_pause(rig, _, step) {
    rig.database.pause();
    await pause(step.for_ms);
    rig.database.resume();
  },
  async redis_kill(rig, _, step) {
    await rig.redis?.kill();
    await pause(step.for_ms);
    await rig.redis?.again(); // empty
  },
  async redis_pause(rig, _, step) {
    rig.redis?.pause();
    await pause(step.for_ms);
    rig.redis?.resume();
  },
  async redis_drop(rig, _, step) {
    if (!rig.redis) return;
    rig.redis.drop = drop;
    await pause(step.for_ms);
    rig.redis.drop = 0;
  },
  /** The last that is said is lost, and nothing comes after it from which one could tell. */
  async last_lost(rig, crowd, step) {
    if (!rig.redis) return;
    rig.redis.drop = 1;
    await pause(step.for_ms);
    crowd.stop();
    await crowd.outbox.finish(10_000);
    rig.redis.drop = 0;
  },
};

function one(rig: Rig, crowd: Crowd, step: Step): Promise<void> {
  const what = attacks[step.kind];
  if (!what) throw new Error(`there is no fault ${step.kind}`);
  return what(rig, crowd, step);
}

export async function attack(rig: Rig, crowd: Crowd, step: Step): Promise<void> {
  const { beside } = step;
  const other = beside ? pause(beside.after_ms).then(() => one(rig, crowd, beside.step)) : undefined;
  await Promise.all([one(rig, crowd, step), other]);
}
