"""What is looked at before the first job is started."""


onstart:
    # a run that was killed may have left jobs on a cluster that still write here
    from soundmill.cluster import refuse_orphans

    try:
        refuse_orphans(Path.cwd())
    except InputError as error:
        raise WorkflowError(str(error))
