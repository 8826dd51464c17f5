"""What is looked at, and noted, before the first job is started."""


# the only one: a second `onstart` would take the place of the first, unsaid
onstart:
    from soundmill.cluster import refuse_orphans
    from soundmill.watching.last_run import remember_run

    # a run that was killed may have left jobs on a cluster that still write here
    try:
        refuse_orphans(Path.cwd())
    except InputError as error:
        raise WorkflowError(str(error))
    remember_run(workflow, log)  # `soundmill status` asks for what it was asked for
