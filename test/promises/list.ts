import { breaks } from './all.ts';
import { tableOf } from './break.ts';

process.stdout.write(tableOf(breaks));
