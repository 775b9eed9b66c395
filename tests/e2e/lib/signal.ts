// Waiting for what another part of the test does.
export class Signal {
  private readonly waiting = new Set<() => void>();

  /** Something has changed: whoever waits looks again. */
  raise(): void {
    for (const again of [...this.waiting]) again();
  }

  async until(enough: () => boolean): Promise<void> {
    while (!enough())
      await new Promise<void>((resolve) => {
        const again = (): void => {
          this.waiting.delete(again);
          resolve();
        };
        this.waiting.add(again);
      });
  }
}

/** A client's pause before it tries again, and the moments at which faults are thrown in; tests never wait by it. */
export function moment(most_ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * most_ms));
}
