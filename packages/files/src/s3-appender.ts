/** Appends to a bucket, where an object never changes: each group of waiting calls becomes one object. */
import { randomUUID } from 'node:crypto';
import { GroupAppends, resolveAll } from './group-appends.ts';
import type { WaitingAppend } from './group-appends.ts';
import type { Bucket } from './s3-client.ts';
import type { Appender, Extent } from './store.ts';

export class S3Appender implements Appender {
  readonly #bucket: Bucket;
  readonly #name: string;
  readonly #appends: GroupAppends;
  /** Unique, so that an appender opened again overwrites nothing. */
  readonly #writer = randomUUID().slice(0, 8);
  #objects = 0;

  constructor(bucket: Bucket, name: string) {
    this.#bucket = bucket;
    this.#name = name;
    this.#appends = new GroupAppends(name, (group) => this.#write(group));
  }

  append(buffers: readonly Buffer[]): Promise<Extent> {
    return this.#appends.append(buffers);
  }

  close(): Promise<void> {
    return this.#appends.close();
  }

  async #write(group: readonly WaitingAppend[]): Promise<void> {
    this.#objects += 1;
    const segment = `${this.#name}/${this.#writer}-${this.#objects}`;
    await this.#bucket.put(segment, Buffer.concat(group.flatMap((call) => call.buffers)));
    resolveAll(group, { segment, start: 0 });
  }
}
