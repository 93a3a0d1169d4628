// The table of all documents that commands print with --json; docs/cli.md describes each. Fields may be added, never renamed.
// Commands take theirs from the file that holds it, so that one command does not load all.
import type { z } from 'zod';
import { cardDocument } from './cards.js';
import { saeBenchDocument } from './bench.js';
import { completionDocument } from './completion.js';
import { datasetsDocument, describeDocument, exportDocument, gcDocument, verifyDocument } from './datasets.js';
import { saeCompareDocument } from './sae-compare.js';
import { saeProbeDocument } from './sae-probe.js';
import { saeExportDocument, saeImportDocument } from './sae-files.js';
import { findDocument, metricsDocument, sqlDocument, topDocument } from './features.js';
import { featuresDocument } from './feature-list.js';
import { labelDocument } from './labels.js';
import {
  modelGenerateDocument,
  modelInspectDocument,
  modelRunDocument,
  modelTrainDocument,
  modelRandomiseDocument,
  modelVjpDocument,
} from './models.js';
import {
  controlDocument,
  doctorDocument,
  downDocument,
  explainDocument,
  logsDocument,
  planDocument,
  quarantineDocument,
  rmDocument,
  runsDocument,
  scheduleActionDocument,
  scheduleDocument,
  schedulesDocument,
  startedDocument,
  statusDocument,
  upDocument,
  workerDocument,
} from './runs.js';
import { saeEvalDocument } from './sae.js';

/** The document of every command, by its name on the command line. */
export const CLI_DOCUMENTS = {
  up: upDocument,
  down: downDocument,
  doctor: doctorDocument,
  plan: planDocument,
  run: startedDocument,
  resume: startedDocument,
  runs: runsDocument,
  status: statusDocument,
  logs: logsDocument,
  quarantine: quarantineDocument,
  explain: explainDocument,
  rm: rmDocument,
  pause: controlDocument,
  unpause: controlDocument,
  cancel: controlDocument,
  set: controlDocument,
  'schedule create': scheduleActionDocument,
  'schedule list': schedulesDocument,
  'schedule show': scheduleDocument,
  'schedule pause': scheduleActionDocument,
  'schedule unpause': scheduleActionDocument,
  'schedule trigger': scheduleActionDocument,
  'schedule backfill': scheduleActionDocument,
  'schedule delete': scheduleActionDocument,
  worker: workerDocument,
  datasets: datasetsDocument,
  describe: describeDocument,
  verify: verifyDocument,
  metrics: metricsDocument,
  top: topDocument,
  features: featuresDocument,
  card: cardDocument,
  label: labelDocument,
  find: findDocument,
  sql: sqlDocument,
  export: exportDocument,
  gc: gcDocument,
  'model inspect': modelInspectDocument,
  'model run': modelRunDocument,
  'model generate': modelGenerateDocument,
  'model train': modelTrainDocument,
  'model randomise': modelRandomiseDocument,
  'model vjp': modelVjpDocument,
  'sae eval': saeEvalDocument,
  'sae compare': saeCompareDocument,
  'sae probe': saeProbeDocument,
  'sae bench': saeBenchDocument,
  'sae import': saeImportDocument,
  'sae export': saeExportDocument,
  completion: completionDocument,
} as const satisfies Record<string, z.ZodType>;

/** A command that does something, by its full name: every one has a document. */
export type CommandName = keyof typeof CLI_DOCUMENTS;
