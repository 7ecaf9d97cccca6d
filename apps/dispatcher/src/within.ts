/**
 * Waits for the end of something, but not for ever: after an outage of Redis a BullMQ worker may never finish closing, and
 * what holds others up then must not be the closing.
 */
export async function within(ms: number, ending: Promise<unknown>): Promise<void> {
  const patience = new Promise((resolve) => setTimeout(resolve, ms).unref());
  await Promise.race([ending.catch(() => undefined), patience]);
}
