import { testKilledCalls } from "../attachment/killed.ts";
import { everything, programs } from "./host.ts";

testKilledCalls(everything, programs);
