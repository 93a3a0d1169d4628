// What `sae bench` prints for people: the results beside those that others published, each with its budget.
import type { z } from 'zod';
import type { saeBenchDocument } from '../../schemas/documents/bench.js';
import { countText } from './quantities.js';
import { textTable, type TextColumn } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';

type Document = z.infer<typeof saeBenchDocument>;
type Results = NonNullable<Document['results']>;

export function benchText(document: Document): Text {
  const { generator, dictionary, budget, results, published, memoryBytes } = document;
  const kind = Object.entries(dictionary.settings).map(([name, value]) => `${name} ${[value].flat().join(', ')}`);
  const rows = `${generator.name}: ${countText(generator.features)} true features in ${countText(generator.width)} dimensions`;
  const what = [dictionary.architecture, `${countText(dictionary.features)} features`, ...kind, `lr ${dictionary.lr}`];
  const how = `${countText(budget.samples)} rows in ${countText(budget.steps)} steps of ${countText(budget.batchRows)}`;
  const head = [rows, `${what.join(', ')}; ${how}`];
  if (results === null)
    return [...head, `about ${Math.ceil(memoryBytes / 2 ** 20)} MB of memory`, 'Nothing was trained or written.'];
  return [
    ...head,
    textTable(
      [{ title: '', whole: true }, ...numbers('L0', 'F1', 'MCC', 'uniqueness', 'EV', 'samples')],
      [
        ['this dictionary', ...shown({ ...results, samples: budget.samples })],
        ...published.map((one) => [`published: ${one.architecture}`, ...shown(one)]),
      ],
    ),
    ...sentences(results, budget),
    ...(published.length > 0 && budget.samples < (published[0]?.samples ?? 0)
      ? ['The published dictionaries saw more rows; compare only what saw as many.']
      : []),
  ];
}

function numbers(...titles: string[]): TextColumn[] {
  return titles.map((title) => ({ title, right: true }));
}

function shown(
  of: Pick<Results, 'l0' | 'f1' | 'mcc' | 'uniqueness' | 'explainedVariance'> & { samples: number },
): string[] {
  const { l0, f1, mcc, uniqueness, explainedVariance, samples } = of;
  return [l0.toFixed(1), ...[f1, mcc, uniqueness, explainedVariance].map((n) => n.toFixed(4)), countText(samples)];
}

function sentences(results: Results, budget: Document['budget']): string[] {
  const { precision, recall, f1Assigned, shared, silent, deadTraining, duplicates, trueL0 } = results;
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  return [
    `precision ${precision.toFixed(4)}, recall ${recall.toFixed(4)}; F1 against true features assigned one to one ${f1Assigned.toFixed(4)}`,
    `${percent(shared)} of the assigned pairs have a cosine of at least 0.7; ${percent(duplicates)} of the decoder rows repeat another`,
    `${percent(silent)} silent on ${countText(budget.testSamples)} test rows${deadTraining === null ? '' : `, ${percent(deadTraining)} dead when the training ended`}; rows have ${trueL0.toFixed(1)} true features`,
    `drawing rows took ${results.drawSeconds.toFixed(1)} s, training ${results.trainSeconds.toFixed(1)} s`,
  ];
}
