// Trainings that are killed at random steps and go on elsewhere, by one thread and by two, make the same bytes. All kinds and wirings:
// `npm run prove trainings`.
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { STEPS } from './cases.js';
import { drawKills, makeTrainingRows, trainWithKills, type Rows } from './kill-training.js';

const folder = temporaryFolder('trainings');
let rows: Rows;
beforeAll(async () => {
  rows = await makeTrainingRows(folder);
});

describe.each([
  ['batchtopk', 1],
  ['cross-layer', 2],
] as const)('a training of %s in %d slice(s)', (name, slices) => {
  it('gives the same digests when it is killed four times', async () => {
    const undisturbed = await trainWithKills(rows, { name, slices }, { kills: [], threads: [1] });
    const kills = drawKills(4, name);
    const killed = await trainWithKills(rows, { name, slices }, { kills, threads: [2, 1] });
    expect(undisturbed.end.digests).toHaveLength(2);
    expect(undisturbed.end.statistics['steps']).toBe(STEPS);
    expect(killed.killedAt).toHaveLength(kills.length);
    // It went on from checkpoints and did not begin anew.
    expect(killed.began.at(-1)).toBeGreaterThan(50);
    expect(killed.began.at(-1)).toBeLessThan(STEPS);
    expect(killed.end).toEqual(undisturbed.end);
  });
});
