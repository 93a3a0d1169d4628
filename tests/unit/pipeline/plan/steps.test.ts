// A run as a graph of steps: what waits for what, by the datasets that the stages read and make; ids, and runs of earlier releases.
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { findSteps, stepGraph, stepsOfRun } from '../../../../pipeline/plan/steps.js';
import type { ResolvedRun } from '../../../../schemas/resolved-run.js';
import { LAST_STAGE, STAGES } from '../../../../schemas/stages.js';
import { stepOf } from '../../../../stages/step.js';
import { STAGE_TABLE } from '../../../../stages/table.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import { TOKENIZER } from '../../../harness/fixtures.js';
import { branchedRun, SITES } from '../../cli/branched-run.js';
import { submitRun, writeRun } from '../../cli/pipeline.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const folder = temporaryFolder('steps');
let run: ResolvedRun;
beforeAll(async () => {
  run = await branchedRun(folder);
});

const waits = (of: ResolvedRun): Record<string, string[]> => {
  const graph = stepGraph(stepsOfRun(of));
  return Object.fromEntries(graph.map(({ id, after }) => [id, after.map((i) => graph[i]?.id ?? '')]));
};

describe('the steps of a run', () => {
  it('wait for those that make what they read, and for no others', () => {
    expect(waits(run)).toEqual({
      corpus: [],
      tokens: ['corpus'],
      activations: ['tokens'],
      [`train@${SITES[0]}`]: ['activations'],
      [`train@${SITES[1]}`]: ['activations'],
      'encode@a': ['activations', `train@${SITES[0]}`],
      'encode@b': ['activations', `train@${SITES[0]}`],
      'encode@c': ['activations', `train@${SITES[1]}`],
      'index@a': ['tokens', 'encode@a'],
      'index@b': ['tokens', 'encode@b'],
      'index@c': ['tokens', 'encode@c'],
    });
  });

  it('of frozen experts are routes, rows, experts and the joining, of which encoding reads the last', async () => {
    const routed = await branchedRun(path.join(folder, 'routed'), (yaml) =>
      yaml.replace(/name: b,(.*?)\}/, 'name: b,$1, routed: { experts: 4, kind: frozen } }'),
    );
    const steps = waits(routed);
    expect(steps).toMatchObject({
      [`train@${SITES[0]}`]: ['activations'],
      'train@routed/b/routes': ['activations'],
      'train@routed/b/rows': ['activations', 'train@routed/b/routes'],
      'train@routed/b/experts': ['activations', 'train@routed/b/routes', 'train@routed/b/rows'],
      'train@routed/b/join': ['activations', 'train@routed/b/routes', 'train@routed/b/experts'],
      'encode@a': ['activations', `train@${SITES[0]}`],
      'encode@b': ['activations', 'train@routed/b/join'],
    });
  });

  it('end with the stage that was asked for', () => {
    expect(Object.keys(waits({ ...run, until: 'train' })).at(-1)).toBe(`train@${SITES[1]}`);
    expect(Object.keys(waits({ ...run, until: 'corpus' }))).toEqual(['corpus']);
  });

  it('of a stage are meant by its name alone, as runs of earlier releases ask for them', () => {
    const steps = stepsOfRun(run);
    expect(findSteps(steps, 'encode').map(({ id }) => id)).toEqual(['encode@a', 'encode@b', 'encode@c']);
    expect(findSteps(steps, 'encode@b').map(({ id }) => id)).toEqual(['encode@b']);
    expect(() => findSteps(steps, 'encode@d')).toThrow(
      'Expected a step of the run, found "encode@d"; there are corpus,',
    );
  });

  it('with a model that the run trains begin with it, and everything after waits for its dataset', async () => {
    const file = await writeRun(path.join(folder, 'trained'), (yaml) =>
      yaml.replace(
        /model: .*\n/,
        `model: { tokenizer: ${TOKENIZER}, contextTokens: 32, train: { model: { architecture: gpt2, layers: 3, width: 16, heads: 2 }, training: { steps: 2 } } }\n`,
      ),
    );
    const trained = await submitRun(createMemoryStore(), file);
    expect(waits(trained)).toMatchObject({
      stream: ['corpus', 'tokens'],
      'language-model': ['stream'],
      activations: ['tokens', 'language-model'],
      [`train@${SITES[1]}`]: ['language-model', 'activations'],
    });
    const [, model] = stepsOfRun(trained).flatMap(({ makes }) =>
      makes.filter(({ dataset }) => /models|activations/.test(dataset)),
    );
    // Its digest is not known yet, so neither is the key of what is extracted from it.
    expect(model?.key).toBeNull();
  });

  it('are refused where one would read what a later one makes', () => {
    const first = stepOf('corpus', null, { reads: ['b'], makes: [{ dataset: 'a', tables: [], key: null }] });
    const second = stepOf('tokens', null, { reads: [], makes: [{ dataset: 'b', tables: [], key: null }] });
    expect(() => stepGraph([first, second])).toThrow('Step corpus reads what a later step makes');
  });
});

describe('the table of stages', () => {
  it('has nothing after what a run does where nobody says until when', () => {
    expect(STAGES.at(-1)).toBe(LAST_STAGE);
  });

  it('has a row for every stage, under its own name, with settings that refuse what is none of theirs', () => {
    for (const stage of STAGES) {
      expect(STAGE_TABLE[stage].name).toBe(stage);
      expect(() => STAGE_TABLE[stage].mayQuarantine(new Error('x') as never, { not: 'settings' })).toThrow();
    }
  });
});
