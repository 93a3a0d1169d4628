// The process of one training: `node own-main.js TRAINING-AS-JSON` prints its curve.
import { trainOwn, type OwnTraining } from './own-training.js';

process.stdout.write(JSON.stringify(await trainOwn(JSON.parse(process.argv[2] ?? '') as OwnTraining)));
