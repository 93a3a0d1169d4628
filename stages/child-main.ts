// The compute child's entry: collects every stage's tasks and serves them until the worker is gone.
import { serveChild } from '../runtime/child/serve.js';
import { activationsTasks } from './activations/task.js';
import { corpusTasks } from './corpus/task.js';
import { encodeTasks } from './encode/task.js';
import { indexTasks } from './index/task.js';
import { languageModelTasks } from './language-model/task.js';
import { streamTasks } from './stream/task.js';
import { tokensTasks } from './tokens/task.js';
import { trainTasks } from './train/task.js';

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
