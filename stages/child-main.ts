// The compute child's entry: collects every stage's tasks and serves them until the worker is gone.
import { serveChild } from '../runtime/child/serve.js';
import { activationsTasks } from './activations/child.js';
import { corpusTasks } from './corpus/child.js';
import { encodeTasks } from './encode/child.js';
import { indexTasks } from './index/child.js';
import { languageModelTasks } from './language-model/child.js';
import { streamTasks } from './stream/child.js';
import { tokensTasks } from './tokens/child.js';
import { trainTasks } from './train/child.js';

serveChild({
  ...corpusTasks,
  ...tokensTasks,
  ...activationsTasks,
  ...trainTasks,
  ...encodeTasks,
  ...indexTasks,
  ...streamTasks,
  ...languageModelTasks,
});
