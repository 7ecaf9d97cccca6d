/** A Redis Cluster of three masters on loopback, without replicas; all else as in production, `appendfsync always` too. */
import { Redis } from 'ioredis';
import { until } from './until.ts';
import { DURABLE, freePort, isFree, startServer } from './with-redis.ts';
import type { TestRedis } from './with-redis.ts';

export interface TestRedisCluster {
  /** `redis+cluster://…` */
  url: string;
  nodes: readonly TestRedis[];
  /** The master that has a key. */
  holderOf: (key: string) => Promise<TestRedis>;
  stop: () => Promise<void>;
}

const MASTERS = 3;
const SLOTS = 16_384;
/** Nodes speak with each other on a port so far above the clients'. */
const BUS_OFFSET = 10_000;
const FLAGS = ['--cluster-enabled', 'yes', ...DURABLE];

/** `flags` stand behind those of every node. */
export async function startRedisCluster(flags: readonly string[] = []): Promise<TestRedisCluster> {
  const nodes: TestRedis[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    for (let n = 0; n < MASTERS; n++)
      nodes.push(await startServer(await freePortOfNode(), [...FLAGS, ...flags]));
    await meet(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const holderOf = async (key: string): Promise<TestRedis> =>
    nodes[Math.floor((MASTERS * ((await slotOf(nodes, key)) + 0.5)) / SLOTS)] as TestRedis;
  return { url: `redis+cluster://${hosts.join(',')}`, nodes, holderOf, stop };
}

async function slotOf(nodes: readonly TestRedis[], key: string): Promise<number> {
  const client = new Redis(nodes[0]?.url as string);
  try {
    return await client.cluster('KEYSLOT', key);
  } finally {
    client.disconnect();
  }
}

/** Gives every node its third of the slots and has them meet; resolves when each says that all is well. */
async function meet(nodes: readonly TestRedis[]): Promise<void> {
  const clients = nodes.map(({ url }) => new Redis(url));
  try {
    for (const [n, client] of clients.entries()) {
      const [from, to] = [n, n + 1].map((part) => Math.floor((SLOTS * part) / MASTERS));
      const own = Array.from({ length: (to as number) - (from as number) }, (_, i) => i);
      await client.cluster('ADDSLOTS', ...own.map((slot) => slot + (from as number)));
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', n + 1);
    }
    for (const { port } of nodes) await clients[0]?.cluster('MEET', '127.0.0.1', port);
    for (const client of clients)
      await until('the cluster is whole', async () => {
        const info = await client.cluster('INFO');
        return /cluster_state:ok/.test(info) && info.includes(`cluster_known_nodes:${MASTERS}`);
      });
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/** Free, and its bus's too. */
function freePortOfNode(): Promise<number> {
  return until('a port with a bus', async () => {
    const port = await freePort();
    return (await isFree(port + BUS_OFFSET)) ? port : null;
  });
}
