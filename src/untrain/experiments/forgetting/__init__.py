"""From a checkpoint that was made elsewhere to one that forgot: opening, plan, tries, alarm, writing."""
