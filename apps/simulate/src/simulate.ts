/** One run: from a scenario to its report. */
import { Engine, idealMs, reportOf } from '@sluice/simulation';
import type { Progress, Report, Scenario } from '@sluice/simulation';

export async function simulate(
  scenario: Scenario,
  onProgress?: (progress: Progress) => Promise<void>,
): Promise<Report> {
  const run = await new Engine(scenario).run(onProgress);
  return reportOf(run, { idealMs: await idealMs(scenario, run), tenants: scenario.tenants });
}
