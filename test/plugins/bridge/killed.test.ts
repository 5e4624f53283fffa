import { testKilledCalls } from "../attachment/killed.ts";
import { everything } from "./everything.ts";
import { programs } from "./host.ts";

testKilledCalls(everything, programs);
