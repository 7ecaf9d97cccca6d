/** A TCP proxy between the roles and Redis or the providers: adds latency, cuts connections, swallows what they say. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export class TcpProxy {
  /** Where connections go, on loopback. */
  target = 0;
  /** Added to every piece of data in each direction, ms. */
  latencyMs = 0;
  /** Pieces of data that were held back. */
  delayed = 0;
  readonly #pairs = new Set<[Socket, Socket]>();
  readonly #server = createServer((socket) => this.#join(socket));

  /** Listens on a free port. */
  static async start(target = 0): Promise<TcpProxy> {
    const proxy = new TcpProxy();
    proxy.target = target;
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resets every connection there is: each side sees the other gone in the middle of whatever it said. Says how many. */
  cut(): number {
    const pairs = [...this.#pairs];
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    return pairs.length;
  }

  /**
   * From now on every connection there is says nothing more, and neither end hears of it: as behind a firewall that forgot it,
   * or when the machine of the other end lost its power. New ones pass. Says how many.
   */
  silence(): number {
    const pairs = [...this.#pairs];
    for (const socket of pairs.flat()) socket.removeAllListeners('data').resume();
    return pairs.length;
  }

  /** From now on what is said to the target over the connections there are still comes to it, and its answers are lost. */
  loseAnswers(): void {
    for (const [, far] of this.#pairs) far.removeAllListeners('data').resume();
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  #join(near: Socket): void {
    const far = connect({ port: this.target, host: '127.0.0.1', noDelay: true });
    near.setNoDelay(true);
    const pair: [Socket, Socket] = [near, far];
    this.#pairs.add(pair);
    this.#pass(near, far);
    this.#pass(far, near);
    const end = (): void => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
  }

  /**
   * Keeps the order, also when the latency falls or a timer comes late: what came before goes before, or who is there reads one
   * answer for another.
   */
  #pass(from: Socket, to: Socket): void {
    const held: { data: Buffer; at: number }[] = [];
    const send = (): void => {
      let [first] = held;
      for (; first && first.at <= performance.now(); [first] = held) {
        to.write(first.data);
        held.shift();
      }
      if (first) setTimeout(send, first.at - performance.now());
    };
    from.on('data', (data) => {
      if (this.latencyMs === 0 && held.length === 0) {
        to.write(data);
        return;
      }
      this.delayed++;
      held.push({ data, at: performance.now() + this.latencyMs });
      if (held.length === 1) setTimeout(send, this.latencyMs);
    });
  }
}
