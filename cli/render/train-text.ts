// What `model train` prints for people.
import { join } from 'node:path';
import type { z } from 'zod';
import type { modelTrainDocument } from '../../schemas/documents/models.js';
import { countText } from './quantities.js';
import { textTable, type TextColumn } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';

type Document = z.infer<typeof modelTrainDocument>;
type Entry = Document['models'][number];

/** @param out the folder for copies, where one is asked for */
export function trainText(document: Document, out: string | null = null): Text {
  const { models, written, training, dryRun, finished } = document;
  const numbers = (...titles: string[]): TextColumn[] => titles.map((title) => ({ title, right: true }));
  const head: TextColumn[] = dryRun
    ? [
        { title: 'model', whole: true },
        { title: 'architecture' },
        ...numbers('parameters', 'steps', 'tokens', 'memory'),
      ]
    : [{ title: 'model', whole: true }, ...numbers('parameters', 'steps', 'tokens', 'fit', 'calib', 'test')];
  const rows = models.map((entry) => (dryRun ? plannedRow(entry) : trainedRow(entry)));
  const failed = models.filter((entry) => entry.error !== null);
  return [
    textTable([...head, { title: 'state' }], rows),
    ...failed.map((entry) => `${entry.model}: ${entry.error?.message ?? ''}`),
    ...written.map((folder) => `written to ${folder}`),
    ...(dryRun && out !== null ? copies(models, out) : []),
    ...(dryRun ? ['Nothing was written.'] : []),
    ...(finished ? [] : [`Interrupted; the checkpoints stay. Go on with the same command.`]),
    ...(dryRun || !finished ? [] : [`datasets: ${training}/models/MODEL in ${document.store}`]),
  ];
}

/** Where the copies of models would go. */
function copies(models: readonly Entry[], out: string): string[] {
  return models.flatMap(({ model, state }) =>
    state === 'failed'
      ? []
      : [`${model} would be written to ${join(out, model)}${state === 'done' ? '' : ' once it is finished'}`],
  );
}

function plannedRow(entry: Entry): string[] {
  const { model, architecture, parameters, steps, tokens, memoryBytes } = entry;
  const memory = `${Math.ceil(memoryBytes / 2 ** 20)} MB`;
  return [model, architecture, count(parameters), count(steps), count(tokens), memory, state(entry)];
}

function trainedRow(entry: Entry): string[] {
  const { model, parameters, steps, tokens, losses } = entry;
  const numbers = [count(parameters), count(steps), count(tokens)];
  return [model, ...numbers, loss(losses.fit), loss(losses.calib), loss(losses.test), state(entry)];
}

function state({ state: name, step, steps }: Entry): string {
  return name === 'open' && step > 0 ? `at step ${step} of ${steps}` : name;
}

function loss(value: Entry['losses']['fit']): string {
  return value === null ? '' : value.loss.toFixed(4);
}

function count(value: number): string {
  return countText(value);
}
