/** The strategies a pool can name. Each takes the settings listed beside it. */
export const STRATEGIES: Record<string, { does: string; settings: readonly string[] }> = {
  capacity: {
    does: 'whoever has the most budget left for this job goes first',
    settings: [],
  },
  weighted: { does: 'shares in proportion to `weight`', settings: [] },
  round_robin: { does: 'one after the other', settings: [] },
};
