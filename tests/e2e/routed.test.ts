// A dictionary of frozen experts in a run: two workers train its experts, one of them is killed meanwhile, and the bytes are those of an
// undisturbed run; it is encoded, indexed, described, and refused where it cannot be used.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { readEvents } from '../../storage/records/events.js';
import type { Project, ProjectOptions } from './harness/project.js';
import { succeeded, useScene } from './harness/scene.js';

const scene = useScene();
const HOOK = 'blocks.2.hook_resid_post';
const EXPERTS = 4;
const STEP = 'train@routed/r/experts';

/** Each expert takes a few seconds, so that there is something to kill. */
const OPTIONS: ProjectOptions = {
  run: {
    saes: [
      {
        ...{ name: 'r', hook: HOOK, features: 1024, k: 8, tokens: 1_600_000, batchRows: 512, lr: 0.001, seed: 1 },
        routed: { experts: EXPERTS, kind: 'frozen' },
      },
    ],
  },
};

/** Waits until the experts are being trained. */
async function untilExperts(project: Project): Promise<void> {
  const store = await project.openStore();
  try {
    for (let waited = 0; waited < 120_000; waited += 50) {
      const events = await readEvents(store, { name: 'small', revision: 1 }).catch(() => []);
      if (events.some(({ type, data }) => type === 'stage-started' && data['step'] === STEP)) return;
      await sleep(50);
    }
  } finally {
    await store.close();
  }
  throw new Error(`${STEP} did not start within 120 s`);
}

describe('a run with a dictionary of frozen experts', () => {
  let undisturbed: Project;
  let digests: Record<string, string>;
  beforeAll(async () => {
    undisturbed = await scene.finished(OPTIONS);
    digests = await undisturbed.digests();
  }, 300_000);

  it('publishes routes, sorted rows, experts and the joined dictionary, and everything after it', () => {
    const own = Object.keys(digests).filter((name) => name.startsWith('small/r/'));
    console.log(own);
    expect(own).toEqual(expect.arrayContaining(['small/r/routes', 'small/r/expert-rows', 'small/r/experts', 'small/r/weights', 'small/r/training', 'small/r/acts', 'small/r/features'])); // prettier-ignore
  });

  it('gives the same bytes where one of two workers is killed while experts are trained, and the run is resumed', async () => {
    const project = await scene.project(OPTIONS);
    const [victim] = [await scene.worker(project), await scene.worker(project)];
    const run = project.start('run', 'run.yaml', '--follow');
    await untilExperts(project);
    await sleep(1500);
    victim.kill();
    const { code } = await run.ended;
    if (code !== 0) succeeded(await project.assay('resume', 'small', '--follow'));
    expect(await project.digests()).toEqual(digests);
  }, 300_000);
});
