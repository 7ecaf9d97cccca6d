/** An empty queue has nothing queued, whatever a crash left of the counts. */
import type { Picture } from './picture.ts';

/** `entriesOf`: what stands on a deployment's queue, or is being taken from it. */
export async function correctCounts(
  picture: Pick<Picture, 'busy' | 'emptied' | 'onTheWay' | 'placedOn'>,
  entriesOf: (deployment: string) => Promise<number>,
): Promise<void> {
  for (const id of picture.busy) {
    // What is counted as placed comes to the queue a little later: while it does, an empty one says nothing.
    if (picture.onTheWay.has(id)) continue;
    const placed = picture.placedOn(id);
    const entries = await entriesOf(id);
    if (entries === 0 && picture.placedOn(id) === placed) picture.emptied(id);
  }
}
