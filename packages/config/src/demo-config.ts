/**
 * What runs when there is no config file: three simulated providers on this machine. Nothing leaves it. The
 * simulator plays the same accounts with the same limits.
 */

/** `SLUICE_SIMULATOR_URL` is set by the launcher; by default the port that `npm run simulator` takes. */
export const DEMO_CONFIG = `# The demo: three simulated providers, nothing leaves this machine.
providers:
  sim-a: { type: openai, api_key: sim-a, base_url: "\${SLUICE_SIMULATOR_URL:-http://127.0.0.1:9090}/v1" }
  sim-b: { type: openai, api_key: sim-b, base_url: "\${SLUICE_SIMULATOR_URL:-http://127.0.0.1:9090}/v1" }
  sim-c: { type: anthropic, api_key: sim-c, base_url: "\${SLUICE_SIMULATOR_URL:-http://127.0.0.1:9090}" }
deployments:
  sim-a: { provider: sim-a, model: sim-fast, limits: { rpm: 900 }, price: { input: 0.15, output: 0.60 } }
  sim-b: { provider: sim-b, model: sim-fast, limits: { rpm: 600 }, price: { input: 0.15, output: 0.60 } }
  sim-c: { provider: sim-c, model: sim-smart, limits: { rpm: 300 }, price: { input: 1.00, output: 5.00 } }
pools:
  fast: { tiers: [[sim-a, sim-b], [sim-c]] }
  smart: [sim-c]
webhooks: { allow: [127.0.0.0/8, "::1"], allow_http: true }
`;
