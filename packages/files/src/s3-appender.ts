/**
 * Appends to a bucket, where an object never changes: each group of waiting calls becomes one object, so that a busy
 * segment makes as many as there are round trips, not as many as there are calls.
 */
import { randomUUID } from 'node:crypto';
import type { Bucket } from './s3-client.ts';
import type { Appender, Extent } from './store.ts';

interface Waiting {
  buffers: readonly Buffer[];
  resolve: (extent: Extent) => void;
  reject: (error: unknown) => void;
}

export class S3Appender implements Appender {
  readonly #bucket: Bucket;
  readonly #name: string;
  /** Unique, so that an appender opened again overwrites nothing. */
  readonly #writer = randomUUID().slice(0, 8);
  #objects = 0;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  #broken: unknown = null;

  constructor(bucket: Bucket, name: string) {
    this.#bucket = bucket;
    this.#name = name;
  }

  append(buffers: readonly Buffer[]): Promise<Extent> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== null) {
        reject(this.#broken);
        return;
      }
      this.#waiting.push({ buffers, resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    this.#broken ??= new Error(`appender of ${this.#name} is closed`);
    await this.#running;
  }

  async #drain(): Promise<void> {
    // Calls of this same moment travel together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      try {
        await this.#writeGroup(group);
      } catch (error) {
        this.#broken = error;
        for (const call of [...group, ...this.#waiting.splice(0)]) call.reject(error);
      }
    }
    this.#running = null;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    this.#objects += 1;
    const segment = `${this.#name}/${this.#writer}-${this.#objects}`;
    await this.#bucket.put(segment, Buffer.concat(group.flatMap((call) => call.buffers)));
    let end = 0;
    for (const { buffers, resolve } of group) {
      const start = end;
      for (const buffer of buffers) end += buffer.length;
      resolve({ segment, start, end });
    }
  }
}
