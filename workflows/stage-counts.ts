// What a stage does beside giving out lots: it counts what they did, pauses above the tolerance, and publishes while it grows.
import { condition, patched } from '@temporalio/workflow';
import type { LotResult } from '../schemas/messages.js';
import { allowedShards, LIMITS } from '../schemas/orchestration.js';
import { publishStage, recordEvent } from './options.js';
import type { StageInput, Working } from './stage-state.js';

/** Adds up what lots did, and pauses where more shards are quarantined than the tolerance allows. */
export function counter({
  input,
  control,
  total,
  background,
}: Working): (result: Pick<LotResult, 'done' | 'quarantined' | 'different'>) => void {
  const { run, stage, planned } = input;
  return (result) => {
    total.done += result.done;
    total.quarantined += result.quarantined;
    total.different += result.different;
    if (total.quarantined === 0) return;
    const allowed = allowedHere(control.tolerance, planned.planned);
    if (total.quarantined - control.accepted <= allowed || control.paused) return;
    const reason = `${total.quarantined} of ${planned.planned} shards of stage ${stage} are quarantined, more than the ${allowed} that the tolerance ${control.tolerance} allows (${control.tolerance} × ${planned.planned}, rounded down)`;
    background.add(control.pause(reason));
    const data = { stage, reason, quarantined: total.quarantined, allowed };
    background.add(recordEvent({ ref: run.ref, type: 'paused', data }));
  };
}

/** Snapshots while the stage grows: every 30 s at first, every half hour in a long stage, so that the history stays short. */
export async function publishWhile(input: StageInput, working: () => boolean): Promise<void> {
  const { run, stage, planned } = input;
  for (let pause: number = LIMITS.snapshotMs; ; pause = Math.min(pause * 1.1, 60 * LIMITS.snapshotMs)) {
    if (await condition(() => !working(), pause)) return;
    await publishStage({ ref: run.ref, stage, manifest: planned.manifest, complete: false }).catch(() => undefined);
  }
}

/** Runs that began before the share was rounded down go on rounding it up. */
function allowedHere(tolerance: number, planned: number): number {
  return patched('tolerance-rounds-down') ? allowedShards(tolerance, planned) : Math.ceil(tolerance * planned);
}
