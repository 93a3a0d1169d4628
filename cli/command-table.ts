// Every command: where it stands in help, and the file it is loaded from. The only list; a command that has a document and
// no row here (or a row and no document) does not compile. Loading a row loads that command alone.
import type { CommandName } from '../schemas/documents/documents.js';
import type { CommandDefinition } from './command.js';

export interface CommandRow {
  /** Heading over it in help. */
  readonly group: 'Local stack' | 'Runs' | 'Control' | 'Results' | 'Models' | 'Dictionaries' | 'Shell';
  load(): Promise<CommandDefinition>;
}

const stack = of('Local stack');
const runs = of('Runs');
const control = of('Control');
const results = of('Results');
const models = of('Models');
const dictionaries = of('Dictionaries');
const shell = of('Shell');

/** In the order of help; `schedule list` is the command `list` under `schedule`. */
export const COMMANDS: { readonly [name in CommandName]: CommandRow } = {
  up: stack(async () => (await import('./commands/up.js')).up),
  down: stack(async () => (await import('./commands/down.js')).down),
  doctor: stack(async () => (await import('./commands/doctor.js')).doctor),
  plan: runs(async () => (await import('./commands/plan.js')).plan),
  run: runs(async () => (await import('./commands/run.js')).run),
  resume: runs(async () => (await import('./commands/resume.js')).resume),
  runs: runs(async () => (await import('./commands/runs.js')).runs),
  status: runs(async () => (await import('./commands/status.js')).status),
  logs: runs(async () => (await import('./commands/logs.js')).logs),
  quarantine: runs(async () => (await import('./commands/quarantine.js')).quarantine),
  explain: runs(async () => (await import('./commands/explain.js')).explain),
  rm: runs(async () => (await import('./commands/rm.js')).rm),
  pause: control(async () => (await import('./commands/pause.js')).pause),
  unpause: control(async () => (await import('./commands/unpause.js')).unpause),
  cancel: control(async () => (await import('./commands/cancel.js')).cancel),
  set: control(async () => (await import('./commands/set.js')).set),
  'schedule create': control(async () => (await import('./commands/schedule.js')).createSchedule),
  'schedule list': control(async () => (await import('./commands/schedule.js')).listSchedules),
  'schedule backfill': control(async () => (await import('./commands/schedule.js')).backfillSchedule),
  'schedule show': control(async () => (await import('./commands/schedule.js')).showSchedule),
  'schedule pause': control(async () => (await import('./commands/schedule.js')).pauseSchedule),
  'schedule unpause': control(async () => (await import('./commands/schedule.js')).unpauseSchedule),
  'schedule trigger': control(async () => (await import('./commands/schedule.js')).triggerSchedule),
  'schedule delete': control(async () => (await import('./commands/schedule.js')).deleteSchedule),
  worker: control(async () => (await import('./commands/worker.js')).worker),
  datasets: results(async () => (await import('./commands/datasets.js')).datasets),
  describe: results(async () => (await import('./commands/describe.js')).describe),
  verify: results(async () => (await import('./commands/verify.js')).verify),
  metrics: results(async () => (await import('./commands/metrics.js')).metrics),
  top: results(async () => (await import('./commands/top.js')).top),
  features: results(async () => (await import('./commands/features.js')).features),
  card: results(async () => (await import('./commands/card.js')).card),
  label: results(async () => (await import('./commands/label.js')).label),
  find: results(async () => (await import('./commands/find.js')).find),
  sql: results(async () => (await import('./commands/sql.js')).sql),
  export: results(async () => (await import('./commands/export.js')).exportCommand),
  gc: results(async () => (await import('./commands/gc.js')).gc),
  'model inspect': models(async () => (await import('./commands/model-inspect.js')).inspectModel),
  'model run': models(async () => (await import('./commands/model-run.js')).runModel),
  'model generate': models(async () => (await import('./commands/model-generate.js')).generateText),
  'model train': models(async () => (await import('./commands/model-train.js')).trainModels),
  'model randomise': models(async () => (await import('./commands/model-randomise.js')).randomiseModel),
  'model vjp': models(async () => (await import('./commands/model-vjp.js')).differentiateModel),
  'sae eval': dictionaries(async () => (await import('./commands/sae-eval.js')).saeEval),
  'sae compare': dictionaries(async () => (await import('./commands/sae-compare.js')).saeCompare),
  'sae probe': dictionaries(async () => (await import('./commands/sae-probe.js')).saeProbe),
  'sae bench': dictionaries(async () => (await import('./commands/sae-bench.js')).saeBench),
  'sae import': dictionaries(async () => (await import('./commands/sae-import.js')).importDictionary),
  'sae export': dictionaries(async () => (await import('./commands/sae-export.js')).exportDictionary),
  completion: shell(async () => (await import('./commands/completion.js')).completion),
};

/** Commands that only hold others. */
export const PARENTS = {
  schedule: {
    description: 'runs that start by the clock',
    examples: [
      ['assay schedule create nightly.yaml --cron "0 2 * * *"', 'the name in nightly.yaml holds {{date}}'],
      ['assay schedule list', 'all schedules of this store'],
    ],
  },
  model: {
    description: 'look into a model and run it',
    examples: [['assay model inspect model.onnx', 'layers, widths and sites']],
  },
  sae: {
    description: 'dictionaries without a run: measure, compare, bring, take out, try',
    examples: [
      ['assay sae eval kjv/kjv-l2', 'beside controls of equal L0, on the test split'],
      ['assay sae compare kjv/s-1 kjv/s-2', 'do two seeds find the same features'],
      ['assay sae bench --generator toy', 'train one where the true features are known'],
      ['assay sae import ./folder --dry-run', 'what a folder of another program holds'],
    ],
  },
} as const satisfies { readonly [name in ParentName]: Pick<CommandDefinition, 'description' | 'examples'> };

export type ParentName = CommandName extends infer Name
  ? Name extends `${infer Parent} ${string}`
    ? Parent
    : never
  : never;

function of(group: CommandRow['group']): (load: CommandRow['load']) => CommandRow {
  return (load) => ({ group, load });
}
