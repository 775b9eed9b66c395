// Debian's chromium without a window, with a profile of its own, driven over its DevTools protocol.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { WebSocket } from 'ws';
import { Program } from './process.ts';

type Params = { [name: string]: unknown };
interface Heard extends Params {
  id?: number;
  method?: string;
  params?: Params;
  result?: Params;
  error?: { message: string };
}

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-port=0',
];

/** One page. Keeps what it asks for, and what it complains of. */
export class Page {
  /** the URL of each request, of the page and of all in it */
  readonly requests: string[] = [];
  /** errors of scripts, and what a policy has refused */
  readonly complaints: string[] = [];
  private readonly program: Program;
  private readonly profile: string;
  private readonly ws: WebSocket;
  private loaded: (() => void) | undefined;
  private readonly asked = new Map<number, (heard: Heard) => void>();
  private ids = 0;
  private session?: string;

  private constructor(program: Program, profile: string, ws: WebSocket) {
    this.program = program;
    this.profile = profile;
    this.ws = ws;
    ws.on('message', (data) => this.take(JSON.parse(String(data)) as Heard));
    ws.on('error', () => {}); // 'close' follows: a browser that ends may cut it
  }

  static async open(scheme: 'light' | 'dark' = 'light'): Promise<Page> {
    const profile = await mkdtemp(`${tmpdir()}/linnet-browser-`);
    const program = new Program('chromium', [...flags, `--user-data-dir=${profile}`, 'about:blank'], { HOME: profile });
    const url = await program.line((line) => /DevTools listening on (ws:\S+)/.exec(line)?.[1], 'its DevTools');
    const ws = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
    const page = new Page(program, profile, ws);
    await page.attach(scheme);
    return page;
  }

  private async attach(scheme: string): Promise<void> {
    const { targetId } = await this.ask('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.ask('Target.attachToTarget', { targetId, flatten: true });
    this.session = String(sessionId);
    for (const domain of ['Network', 'Log', 'Runtime', 'Page']) await this.ask(`${domain}.enable`);
    const features = [{ name: 'prefers-color-scheme', value: scheme }];
    await this.ask('Emulation.setEmulatedMedia', { features });
    await this.ask('Emulation.setDeviceMetricsOverride', {
      width: 1200,
      height: 900,
      deviceScaleFactor: 1,
      mobile: false,
    });
  }

  private take(heard: Heard): void {
    const { method, params = {} } = heard;
    if (heard.id !== undefined) this.asked.get(heard.id)?.(heard);
    if (method === 'Page.loadEventFired') this.loaded?.();
    if (method === 'Network.requestWillBeSent') this.requests.push((params.request as { url: string }).url);
    if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params));
    if (method === 'Log.entryAdded' && (params.entry as Params).level === 'error')
      this.complaints.push(JSON.stringify(params));
  }

  private ask(method: string, params: Params = {}): Promise<Params> {
    const id = ++this.ids;
    const sessionId = this.session;
    return new Promise((resolve, reject) => {
      this.asked.set(id, (heard) => {
        this.asked.delete(id);
        if (heard.error) reject(new Error(`${method}: ${heard.error.message}`));
        else resolve(heard.result ?? {});
      });
      this.ws.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
    });
  }

  /** Comes back when the page and its scripts are there: before, there is nothing to be asked. */
  async visit(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      this.loaded = resolve;
    });
    const { errorText } = await this.ask('Page.navigate', { url });
    if (errorText) throw new Error(`${url}: ${String(errorText)}`);
    await loaded;
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.ask('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: T }).value;
  }

  /** Waits until the expression is true of the page, looked at after each of its paints. */
  async until(expression: string): Promise<void> {
    const paint = 'new Promise((r) => requestAnimationFrame(() => setTimeout(r)))';
    while (!(await this.evaluate<boolean>(`Boolean(${expression})`))) await this.evaluate(paint);
  }

  /** A PNG of what can be seen. */
  async picture(): Promise<Buffer> {
    const { data } = await this.ask('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(String(data), 'base64');
  }

  async close(): Promise<void> {
    delete this.session;
    const cut = new Promise<void>((resolve) => this.ws.once('close', () => resolve()));
    await Promise.race([this.ask('Browser.close'), cut]); // it may be gone before its answer is
    await this.program.finish();
    this.ws.terminate();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
