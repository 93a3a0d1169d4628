// Proof: at least 100 seeded kills by victim, stage and share of the stage's time, over runs of the small corpus; every run
// must end with the digests of an undisturbed one and repeat no more than was in hand. `--runs N` takes the first N runs
// only, `--victim NAME` those of one victim.
import { parseArgs } from 'node:util';
import { KeyedRandom } from '../../core/tensor/random.js';

import { EVALUATED, RUN_STAGES, type RunStage, runWithKills, VICTIMS, type Kill } from '../e2e/harness/kill-run.js';
import { onMinio } from '../e2e/harness/project.js';
import { startTestMinio } from '../servers/minio.js';
import { startTestTemporal } from '../servers/temporal.js';

const SEED = 'assay prove kills';
/** A run is killed once in every stage: 4 victims × (4 runs × 8 stages + 2 evaluated runs × 5 stages) = 168, of which some strike too late. */
const RUNS_PER_VICTIM = 6;
/** Items that one worker of two slots has in hand at most, per kill. */
const IN_HAND = 4;
/** Least number of kills that must have struck. */
const LEAST = 100;
/** About how long each stage of the small corpus takes undisturbed, milliseconds: what a share of progress is a share of. */
const STAGE_MS: Readonly<Record<RunStage, number>> = {
  corpus: 400,
  tokens: 700,
  activations: 3000,
  train: 3000,
  encode: 1200,
  evaluate: 2500,
  index: 900,
  profile: 1500,
  label: 700,
};

/** Where an evaluated run is killed (`EVALUATED` says why nowhere after it). */
const BEFORE_EVALUATION: readonly RunStage[] = ['corpus', 'tokens', 'activations', 'train', 'evaluate'];

interface Planned {
  readonly kills: readonly Kill[];
  readonly minio: boolean;
  readonly evaluated: boolean;
}

/** The rounds, of shares of progress that grow: every third is of evaluated runs. */
const isEvaluated = (round: number): boolean => round % 3 === 1;

/** The runs, in an order in which the first ones already show every victim. */
function plannedRuns(): Planned[] {
  return Array.from({ length: RUNS_PER_VICTIM }).flatMap((_, round) =>
    VICTIMS.map((victim) => {
      const random = new KeyedRandom(SEED, victim, String(round));
      const evaluated = isEvaluated(round);
      const stages = evaluated ? BEFORE_EVALUATION : RUN_STAGES.filter((stage) => stage !== 'evaluate');
      const kills = stages.map((stage) => {
        const share = (round + random.nextInt(1000) / 1000) / RUNS_PER_VICTIM;
        return { victim, stage, delayMs: Math.round(share * STAGE_MS[stage]) };
      });
      return { kills, minio: victim === 'minio', evaluated };
    }),
  );
}

type Digests = Readonly<Record<string, string>>;

/** Datasets that one of the two lacks or has otherwise. */
function differing(expected: Digests, found: Digests): string[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...names].filter((name) => expected[name] !== found[name]);
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: { runs: { type: 'string' }, victim: { type: 'string' } },
  });
  const all = plannedRuns().filter(
    ({ kills }) => values.victim === undefined || kills.some((kill) => kill.victim === values.victim),
  );
  const runs = all.slice(0, values.runs === undefined ? all.length : Number(values.runs));
  const [temporal, minio] = await Promise.all([startTestTemporal(), startTestMinio()]);
  const say = (text: string): boolean => process.stdout.write(`${text}\n`);
  const count = { struck: 0, late: 0, different: 0, tooMuch: 0, repeated: 0, planned: 0 };
  const byPlace = new Map<string, number>();
  try {
    const servers = { temporal, minio: null };
    const [plain, evaluated] = [await runWithKills([], servers), await runWithKills([], servers, EVALUATED)];
    for (const [name, { digests, planned }] of Object.entries({ plain, evaluated }))
      say(`undisturbed, ${name}: ${Object.keys(digests).length} datasets, ${planned} items`);
    say('');
    for (const [number, run] of runs.entries()) {
      const started = performance.now();
      const options = { ...(run.evaluated && EVALUATED), ...(run.minio && onMinio(minio, `kills-${number}`)) };
      const outcome = await runWithKills(run.kills, { temporal, minio }, options);
      const struck = outcome.happened.filter((text) => text.endsWith(': killed')).length;
      const other = differing((run.evaluated ? evaluated : plain).digests, outcome.digests);
      const same = other.length === 0;
      const within = outcome.repeated <= IN_HAND * struck;
      outcome.happened.forEach((text, i) => {
        const kill = run.kills[i];
        if (!kill || !text.endsWith(': killed')) return;
        const place = `${kill.victim} ${kill.stage}`;
        byPlace.set(place, (byPlace.get(place) ?? 0) + 1);
      });
      count.struck += struck;
      count.late += outcome.happened.length - struck;
      count.different += same ? 0 : 1;
      count.tooMuch += within ? 0 : 1;
      count.repeated += outcome.repeated;
      count.planned += outcome.planned;
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      say(
        `run ${number + 1} of ${runs.length}: ${struck} kills, ${same ? 'same digests' : `OTHER DIGESTS of ${other.join(', ')}`}, ${outcome.repeated} items repeated${within ? '' : ' (TOO MANY)'}, ${seconds} s`,
      );
      for (const text of outcome.happened) say(`  ${text}`);
    }
  } finally {
    await Promise.all([temporal.stop(), minio.stop()]);
  }
  say(`\n${'kills'.padEnd(10)}${RUN_STAGES.map((stage) => stage.padStart(13)).join('')}`);
  for (const victim of VICTIMS)
    say(
      `${victim.padEnd(10)}${RUN_STAGES.map((stage) => String(byPlace.get(`${victim} ${stage}`) ?? 0).padStart(13)).join('')}`,
    );
  say(
    `\n${count.struck} kills struck in ${runs.length} runs, ${count.late} came too late or found nothing to kill; ` +
      `${count.different} runs with other digests; ${count.repeated} items repeated of ${count.planned}, ${count.tooMuch} runs with more than ${IN_HAND} per kill`,
  );
  const partly = runs.length < all.length || values.victim !== undefined;
  const enough = partly || count.struck >= LEAST;
  if (!enough) say(`expected at least ${LEAST} kills`);
  return enough && count.different === 0 && count.tooMuch === 0;
}

process.exitCode = (await main()) ? 0 : 1;
