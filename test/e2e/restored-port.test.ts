import { describeRestored } from './support/restored.ts';

describeRestored('port');
