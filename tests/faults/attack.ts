// Carries out one step of the plan; returns when what was broken is whole again.
import type { Crowd } from './crowd.ts';
import type { Step } from './plan.ts';
import type { Rig } from './rig.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** of deliveries by Pub/Sub */
const drop = 0.1;
/** more revs than LINNET_REPLAY_CHANNEL, as the rig sets it */
const reset_after = 32;
const away_most_ms = 30_000;

type Do = (rig: Rig, crowd: Crowd, step: Step) => Promise<void>;

const picked = (crowd: Crowd, step: Step) =>
  step.clients.map((i) => crowd.clients[i % crowd.clients.length]).filter((c) => c !== undefined);

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
  async stall(_, crowd, step) {
    const slow = picked(crowd, step).filter((client) => client.stall());
    await pause(step.for_ms);
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

export function attack(rig: Rig, crowd: Crowd, step: Step): Promise<void> {
  const what = attacks[step.kind];
  if (!what) throw new Error(`there is no fault ${step.kind}`);
  return what(rig, crowd, step);
}
