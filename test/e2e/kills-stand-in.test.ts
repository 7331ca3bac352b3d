import { describeKills } from './support/kills.ts';

describeKills('stand-in');
