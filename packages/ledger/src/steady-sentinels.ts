/** The way to the master through sentinels, that does not end in the middle of a failover. */
import { SentinelConnector } from 'ioredis';
import type { SentinelConnectionOptions } from 'ioredis';

/**
 * ioredis hears of a new master from the sentinels, and then drops its connection to look for it. Its listeners outlive that
 * connection: where it had gone already, and the client was asking who the master is when the news came, the news ended the
 * asking, and the client for good ("Connection is closed", ioredis 6.0.0). So whoever begins to ask listens no more; whoever is
 * connected listens anew.
 */
export class SteadySentinels extends SentinelConnector {
  /** ioredis passes the options of the client, and types them as unknown. */
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
  }

  override connect(
    ...emitter: Parameters<SentinelConnector['connect']>
  ): ReturnType<SentinelConnector['connect']> {
    this.disconnect();
    return super.connect(...emitter);
  }
}
