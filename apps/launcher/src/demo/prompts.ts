/** The demo's prompts: small sums, every one different, so that nothing is answered from a cache. */

/** A batch file in OpenAI's format: `count` lines for one pool. */
export function promptLines(count: number, model: string): string {
  return Array.from({ length: count }, (_, i) => JSON.stringify(promptLine(i, model))).join('\n');
}

function promptLine(i: number, model: string): unknown {
  const [a, b] = [17 + (i % 40), 3 + Math.floor(i / 40)];
  return {
    custom_id: `sum-${i + 1}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model, messages: [{ role: 'user', content: `${a} × ${b}?` }], max_tokens: 100 },
  };
}
