import { z } from 'zod';

/** Of what takes nothing: a field that would mean something elsewhere is refused, not passed over. */
export const emptyRequest = z.strictObject({});
