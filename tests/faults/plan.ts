// The schedule of a run, made from its seed alone.
import { Random } from './random.ts';

/** pods and clients are numbers; the run takes them modulo what it has */
export interface Step {
  /** after what came before is whole again */
  pause_ms: number;
  kind: string;
  for_ms: number;
  pods: number[];
  clients: number[];
  /** begins so long after it, while it lasts */
  beside?: Beside | undefined;
}

export interface Beside {
  after_ms: number;
  step: Step;
}

export interface Kind {
  /** what it breaks; two of one kind never go together */
  on: 'clients' | 'pods' | 'postgres' | 'redis';
  /** least and most of its duration */
  ms: [number, number];
  /** of all clients: so many are taken */
  clients?: number;
  needs_redis?: boolean;
  /** one pod, or each after the other */
  pods?: 'one' | 'all';
  /** what it takes besides, about, a pod */
  costs_ms?: number;
  /** no fault that a schedule draws: a part of an upgrade */
  upgrade?: true;
}

export const kinds: { [name: string]: Kind } = {
  cut: { on: 'clients', ms: [0, 0], clients: 0.3 },
  away: { on: 'clients', ms: [6000, 8000], clients: 0.08 },
  stall: { on: 'clients', ms: [5000, 7000], clients: 0.05 },
  pod_kill: { on: 'pods', ms: [300, 1500], pods: 'one', costs_ms: 500 },
  pods_drain: { on: 'pods', ms: [0, 0], pods: 'all', costs_ms: 4000 },
  postgres_kill: { on: 'postgres', ms: [200, 1200], costs_ms: 1000 },
  postgres_pause: { on: 'postgres', ms: [1000, 3000] },
  redis_kill: { on: 'redis', ms: [1000, 3000], needs_redis: true },
  redis_pause: { on: 'redis', ms: [1000, 3000], needs_redis: true },
  redis_drop: { on: 'redis', ms: [6000, 8000], needs_redis: true },
  pod_joins: { on: 'pods', ms: [0, 0], pods: 'one', costs_ms: 2000, upgrade: true },
  pod_upgrade: { on: 'pods', ms: [0, 0], pods: 'one', costs_ms: 4000, upgrade: true },
  pod_rollback: { on: 'pods', ms: [0, 0], pods: 'one', costs_ms: 4000, upgrade: true },
};

/** Time after a fault in which it may still be felt. */
export const after_ms = 2000;

export function drawStep(random: Random, name: string, n_pods: number, n_clients: number): Step {
  const kind = kinds[name] as Kind;
  const first = random.below(n_pods);
  return {
    pause_ms: Math.round(after_ms + random.between(500, 2000)),
    kind: name,
    for_ms: Math.round(random.between(...kind.ms)),
    pods: Array.from({ length: kind.pods === 'all' ? n_pods : 1 }, (_, i) => (first + i) % n_pods),
    clients: random
      .shuffle(Array.from({ length: n_clients }, (_, i) => i))
      .slice(0, Math.ceil(n_clients * (kind.clients ?? 0))),
  };
}

/** Of steps so many go together with another. */
const together = 0.4;

const takes_ms = (step: Step): number => step.for_ms + (kinds[step.kind]?.costs_ms ?? 0) * step.pods.length;

/** A delivery that is lost must be healed soon: unless something else is broken at the time. */
export const disturbs = (kind: string): boolean =>
  kinds[kind]?.on !== 'clients' && !['redis_drop', 'last_lost'].includes(kind);
export const kindsOf = (step: Step): string[] => [step.kind, ...(step.beside ? [step.beside.step.kind] : [])];

/** Something else than what the step breaks, at some moment of it. */
function besideOf(random: Random, step: Step, names: string[], n_pods: number, n_clients: number): Beside | undefined {
  const fits = (name: string): boolean =>
    kinds[name]?.on !== kinds[step.kind]?.on && !(step.kind === 'redis_drop' && disturbs(name));
  const others = names.filter(fits);
  if (others.length === 0) return undefined;
  const other = drawStep(random, random.pick(others), n_pods, n_clients);
  return { after_ms: Math.round(random.between(0, Math.max(500, takes_ms(step)))), step: other };
}

/**
 * Every kind comes before any comes again, some together with another, the second always; what would not be over in time is
 * left out.
 */
export function plan(seed: number, seconds: number, names: string[], n_pods: number, n_clients: number): Step[] {
  const random = new Random(seed, 'plan');
  const steps: Step[] = [];
  let deck: string[] = [];
  for (let at_ms = 0; ;) {
    if (deck.length === 0) deck = random.shuffle([...names]);
    const step = drawStep(random, deck.pop() as string, n_pods, n_clients);
    const beside = random.chance(together) || steps.length === 1;
    if (beside) step.beside = besideOf(random, step, names, n_pods, n_clients);
    at_ms += step.pause_ms + takes_ms(step) + (step.beside ? takes_ms(step.beside.step) / 2 : 0);
    if (at_ms > seconds * 1000) return steps;
    steps.push(step);
  }
}

function whatText(s: Step): string {
  const pods = kinds[s.kind]?.pods ? ` pods ${s.pods.join(' ')}` : '';
  const clients = s.clients.length ? ` ${s.clients.length} clients` : '';
  return `${s.kind}${s.for_ms ? ` for ${(s.for_ms / 1000).toFixed(1)} s` : ''}${pods}${clients}`;
}

export function planText(steps: Step[]): string[] {
  return steps.map((s) => {
    const beside = s.beside ? `; ${(s.beside.after_ms / 1000).toFixed(1)} s later ${whatText(s.beside.step)}` : '';
    return `  + ${(s.pause_ms / 1000).toFixed(1)} s  ${whatText(s)}${beside}`;
  });
}
